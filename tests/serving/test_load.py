"""Sixteen people search at once, on this machine: nobody is refused, and batches are shared."""

import threading
import time
from pathlib import Path

import served
from httpx2 import Client

USERS, SECONDS = 16, 3.0


def test_sixteen_users_get_their_answers(data_root: Path) -> None:
    # As a device is: a batch takes the time of one.
    app = served.app(data_root, encoder=served.Encoder(lambda: time.sleep(0.01)))
    statuses: list[int] = []
    wrong: list[str] = []
    photo = served.photo(data_root)

    def user(number: int) -> None:
        word = ("mug", "plate", "bolt", "hammer")[number % 4]
        with Client(base_url=address) as client:
            while time.monotonic() < end:
                files = {"photo": ("a.jpg", photo)} if number % 2 else None
                found = client.post("/api/search", data={"words": word, "top": "1"}, files=files)
                statuses.append(found.status_code)
                results = found.json()["results"] if found.status_code == 200 else []
                if not number % 2 and (not results or word not in results[0]["title"]):
                    wrong.append(found.text)
                statuses.append(client.get("/picture/L01").status_code)
                statuses.append(client.get("/api/similar/L00").status_code)

    with served.running(app) as address:
        end = time.monotonic() + SECONDS
        users = [threading.Thread(target=user, args=(number,)) for number in range(USERS)]
        for thread in users:
            thread.start()
        for thread in users:
            thread.join()
        health = Client(base_url=address).get("/api/health").json()
    assert set(statuses) == {200}
    assert len(statuses) >= 3 * USERS
    assert wrong == []
    assert health["searches"] == 2 * len(statuses) / 3
    assert health["searches"] > 1.5 * health["batches"]
