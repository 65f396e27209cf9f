// The page: a photo, words and a category to a grid of listings. Whatever the server sends is put in
// as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
const photos = [null]; // photos of this visit by number: the history of the browser keeps numbers
let limits = { upload_bytes: Infinity, words: 500 };
let shown = 0; // number of the photo in the form
let asked = 0; // number of the newest question: answers to earlier ones are dropped

async function answer(address, options) {
  const response = await fetch(address, options);
  const body = await response.json().catch(() => ({ detail: `error ${response.status}` }));
  if (!response.ok) throw new Error(body.detail);
  return body;
}

function say(text, wrong = false) {
  at("status").textContent = text;
  at("status").classList.toggle("wrong", wrong);
}

function show(number) {
  const photo = photos[number] ?? null;
  shown = photo ? number : 0;
  if (at("preview").src) URL.revokeObjectURL(at("preview").src);
  at("preview").hidden = at("remove").hidden = !photo;
  at("invitation").hidden = !!photo;
  if (photo) at("preview").src = URL.createObjectURL(photo);
  else at("preview").removeAttribute("src");
}

function take(file) {
  if (!file) return;
  if (file.size > limits.upload_bytes) {
    const mib = (limits.upload_bytes / 2 ** 20).toLocaleString();
    say(`This photo is larger than ${mib} MiB; take a smaller one.`, true);
    return;
  }
  show(photos.push(file) - 1);
  submit();
}

// A question is what the history keeps: { photo: number, words, category, like, name }.
function submit() {
  const words = at("words").value.trim();
  if (!shown && !words) {
    say("Give a photo, words, or both.", true);
    return;
  }
  ask({ photo: shown, words, category: at("category").value, like: "", name: "" });
}

function ask(question) {
  history.pushState(question, "");
  run(question);
}

async function run(question) {
  const number = ++asked;
  say("Searching …");
  at("results").classList.add("waiting");
  try {
    const found = question.like ? await similar(question) : await search(question);
    if (number !== asked) return;
    list(found.results);
    say(sentence(question, found));
  } catch (error) {
    if (number !== asked) return;
    list([]);
    const lost = error instanceof TypeError; // fetch's word for a connection that broke
    say(lost ? "The server does not answer." : `Not found: ${error.message}.`, true);
  } finally {
    if (number === asked) at("results").classList.remove("waiting");
  }
}

function search(question) {
  const form = new FormData();
  if (question.photo) form.append("photo", photos[question.photo]);
  if (question.words) form.append("words", question.words);
  if (question.category) form.append("category", question.category);
  return answer("/api/search", { method: "POST", body: form });
}

function similar(question) {
  const query = new URLSearchParams(question.category ? { category: question.category } : {});
  return answer(`/api/similar/${encodeURIComponent(question.like)}?${query}`);
}

function sentence(question, found) {
  const count = found.results.length;
  const listings = `${count} listing${count === 1 ? "" : "s"}`;
  const by = question.like
    ? `like “${question.name}”`
    : { m: "by photo and words together", t: "by words", i: "by photo" }[found.view];
  const inside = question.category ? ` in ${question.category}` : "";
  return `${listings} ${by}${inside}, best first. The score is the cosine of query and listing.`;
}

function list(results) {
  at("results").replaceChildren(...results.map(card));
}

function card(result) {
  const item = at("result").content.cloneNode(true).firstElementChild;
  const name = result.title || "(no title)";
  const image = item.querySelector("img");
  if (result.picture) {
    image.addEventListener("load", () => {
      item.querySelector(".photo span").hidden = true;
    });
    image.addEventListener("error", () => {
      image.hidden = true;
    });
    image.hidden = false;
    image.alt = name;
    image.src = result.picture;
  }
  item.querySelector(".rank").textContent = result.rank;
  item.querySelector(".score").textContent = result.score.toFixed(3);
  item.querySelector(".name").textContent = name;
  item.querySelector(".name").title = name;
  item.querySelector(".path").textContent = result.category;
  item.querySelector(".more").setAttribute("aria-label", `More like ${name}`);
  item.querySelector(".more").addEventListener("click", () => {
    ask({ photo: 0, words: "", category: at("category").value, like: result.item_id, name });
    scrollTo({ top: at("status").offsetTop - 12 });
  });
  return item;
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
at("photo").addEventListener("change", () => {
  take(at("photo").files[0]);
  at("photo").value = ""; // so that the same photo can be chosen again
});
at("remove").addEventListener("click", () => show(0));
at("category").addEventListener("change", () => {
  const now = history.state;
  if (now) ask({ ...now, category: at("category").value });
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("drop").classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  take(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => take(event.clipboardData.files[0]));

function restore(question) {
  if (!question) {
    show(0);
    list([]);
    say("");
    return;
  }
  const lost = question.photo && !photos[question.photo]; // the page was loaded anew
  if (!question.like) show(question.photo);
  if (!question.like) at("words").value = question.words;
  at("category").value = question.category;
  if (lost && !question.words) {
    list([]);
    say("Give the photo once more.");
  } else run(lost ? { ...question, photo: 0 } : question);
}
addEventListener("popstate", (event) => restore(event.state));

function describe(health) {
  limits = health;
  at("words").maxLength = health.words;
  at("note").textContent = health.note;
  at("note").hidden = !health.note;
  const count = health.listings.toLocaleString();
  at("about").textContent = `${count} listings, run ${health.run} at step ${health.step}.`;
}

function offer(categories) {
  for (const { path, listings } of categories) {
    const levels = path.split(" > ");
    const indent = "\u00a0\u00a0\u00a0".repeat(levels.length - 1);
    at("category").append(new Option(`${indent}${levels.at(-1)} (${listings})`, path));
  }
  at("category").disabled = !categories.length;
}

Promise.all([answer("/api/health"), answer("/api/categories")])
  .then(([health, categories]) => {
    describe(health);
    offer(categories);
    if (history.state) restore(history.state);
  })
  .catch((error) => say(`The server does not answer: ${error.message}.`, true));
