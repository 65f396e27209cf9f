"""Tests of input_pipeline/tokens.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.tokens import TitleTokenizer, pretrained_tokenizer, train_tokenizer
from stylejax.batch import NO_TOKEN
from stylejax.config import ConfigError, TextConfig

TITLES = [row["title"] for row in tiny.catalogue_rows()]
OPTIONS = TextConfig(vocab_size=96, max_tokens=8)


@pytest.fixture(scope="module")
def tokenizer() -> TitleTokenizer:
    return train_tokenizer(TITLES, OPTIONS)


def spelled(tokenizer: TitleTokenizer, title: str) -> list[str]:
    """The tokens of a title without padding."""
    names = {number: token for token, number in vocabulary(tokenizer).items()}
    return [names[number] for number in tokenizer([title])[0] if number != NO_TOKEN]


def vocabulary(tokenizer: TitleTokenizer) -> dict[str, int]:
    return json.loads(tokenizer.definition)["model"]["vocab"]


def test_ids_are_rectangular_int32_within_the_vocabulary(tokenizer: TitleTokenizer) -> None:
    ids = tokenizer([*TITLES, "größe 漢字 \U0001f600 never seen", "x" * 500])
    assert ids.shape == (len(TITLES) + 2, 8)
    assert ids.dtype == np.int32
    assert ids.min() == NO_TOKEN
    assert ids.max() < tokenizer.vocab_size
    assert len(vocabulary(tokenizer)) == tokenizer.vocab_size <= OPTIONS.vocab_size


def test_the_class_token_is_first_and_padding_last(tokenizer: TitleTokenizer) -> None:
    ids = tokenizer(["red mug"])[0]
    assert ids[0] == vocabulary(tokenizer)["[CLS]"]
    length = int((ids != NO_TOKEN).sum())
    assert length > 1
    assert np.all(ids[:length] > 0)
    assert np.all(ids[length:] == NO_TOKEN)


def test_frequent_words_are_one_token_and_case_does_not_matter(tokenizer: TitleTokenizer) -> None:
    assert spelled(tokenizer, "red mug") == ["[CLS]", "red", "mug"]
    assert np.array_equal(tokenizer(["RED Mug"]), tokenizer(["red mug"]))


def test_digits_are_split_one_by_one(tokenizer: TitleTokenizer) -> None:
    assert spelled(tokenizer, "12 21") == ["[CLS]", "1", "2", "2", "1"]


def test_every_token_knows_its_word(tokenizer: TitleTokenizer) -> None:
    ids, words = tokenizer.read(["redmug red", "", "red"])
    assert spelled(tokenizer, "redmug red") == ["[CLS]", "red", "##m", "##u", "##g", "red"]
    assert words[0].tolist() == [-1, 0, 0, 0, 0, 1, -1, -1]
    assert words[1].tolist() == [-1] * 8
    assert words[2, :3].tolist() == [-1, 0, -1]
    assert np.array_equal(ids, tokenizer(["redmug red", "", "red"]))


def test_an_empty_title_is_all_padding(tokenizer: TitleTokenizer) -> None:
    assert np.array_equal(tokenizer(["", "  \t"]), np.full((2, 8), NO_TOKEN))
    assert tokenizer([]).shape == (0, 8)


def test_long_titles_are_cut(tokenizer: TitleTokenizer) -> None:
    long, cut = tokenizer(["1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7"])
    assert np.array_equal(long, cut)
    assert np.all(long != NO_TOKEN)


def test_every_title_of_the_train_split_is_read_without_unknowns(
    tokenizer: TitleTokenizer,
) -> None:
    assert vocabulary(tokenizer)["[UNK]"] not in tokenizer(TITLES)
    assert vocabulary(tokenizer)["[UNK]"] in tokenizer(["漢字"])


def test_two_trainings_give_the_same_tokenizer_even_in_another_process(
    tokenizer: TitleTokenizer,
) -> None:
    assert train_tokenizer(TITLES, OPTIONS).definition == tokenizer.definition
    program = (
        "import tiny; from stylejax.config import TextConfig;"
        "from input_pipeline.tokens import train_tokenizer;"
        "titles = [row['title'] for row in tiny.catalogue_rows()];"
        "options = TextConfig(vocab_size=96, max_tokens=8);"
        "print(train_tokenizer(titles, options).definition)"
    )
    path = os.pathsep.join([str(Path(__file__).parents[n]) for n in (1, 2)])
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": path}
    other = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(other.stdout) == json.loads(tokenizer.definition)


@given(titles=st.lists(st.text("abcde 12", min_size=1), min_size=1, max_size=8))
def test_training_is_deterministic_within_its_vocabulary(titles: list[str]) -> None:
    first, second = (train_tokenizer(titles, TextConfig(64, 6)) for _ in range(2))
    assert first.definition == second.definition
    ids = first(titles)
    assert ids.max() < first.vocab_size <= 64
    assert np.array_equal(ids[:, 0] != NO_TOKEN, [bool(title.strip()) for title in titles])


def test_a_tokenizer_survives_its_json(tokenizer: TitleTokenizer) -> None:
    loaded = TitleTokenizer(tokenizer.definition, 8)
    assert loaded.vocab_size == tokenizer.vocab_size
    assert np.array_equal(loaded(TITLES), tokenizer(TITLES))
    longer = TitleTokenizer(tokenizer.definition, 12)(TITLES)
    assert np.array_equal(longer[:, :8], tokenizer(TITLES))


def test_what_is_no_tokenizer_is_refused(tokenizer: TitleTokenizer) -> None:
    with pytest.raises(ConfigError, match="not a tokenizer definition"):
        TitleTokenizer("{}", 8)


# ---- Pretrained


def write_clip_tokenizer(folder: Path) -> Path:
    """CLIP's way: byte pairs in lower case, a start in front and an end behind."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = list("abcdefghijklmnopqrstuvwxyz")
    vocab = [*letters, *(letter + "</w>" for letter in letters), "re", "red</w>", "<s>", "<e>"]
    numbered = {token: number for number, token in enumerate(vocab)}
    model = models.BPE(numbered, [("r", "e"), ("re", "d</w>")], end_of_word_suffix="</w>")
    inner = Tokenizer(model)
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(name, numbered[name]) for name in ("<s>", "<e>")]
    inner.post_processor = processors.TemplateProcessing("<s> $A <e>", None, ends)
    inner.enable_truncation(3)
    inner.enable_padding(length=12, pad_id=numbered["<e>"], pad_token="<e>")
    folder.mkdir(exist_ok=True)
    inner.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})
    )
    return folder


def test_a_pretrained_tokenizer_reads_as_it_was_trained(tmp_path: Path) -> None:
    folder = str(write_clip_tokenizer(tmp_path))
    tokenizer = pretrained_tokenizer(TextConfig(tokenizer=folder, max_tokens=7))
    assert tokenizer.vocab_size == 56
    ids, words = tokenizer.read(["RED mug", "red red red red red red red red", ""])
    assert ids[0].tolist() == [54, 53, 12, 20, 32, 55, -1]
    assert words[0].tolist() == [-1, 0, 1, 1, 1, -1, -1]
    assert ids[1].tolist() == [54, 53, 53, 53, 53, 53, 55]  # cut, and the end is there still
    assert ids[2].tolist() == [-1] * 7
    assert np.array_equal(TitleTokenizer(tokenizer.definition, 7)(["RED mug"]), ids[:1])


def test_words_are_told_apart_where_the_tokenizer_does_not(tmp_path: Path) -> None:
    """SentencePiece as Gemma has it: blanks are part of pieces, and nothing is split before."""
    from tokenizers import Tokenizer, models, normalizers

    letters = list("abcdefghijklmnopqrstuvwxyz▁")
    vocab = {token: n for n, token in enumerate(["<unk>", *letters, "re", "red"])}
    inner = Tokenizer(models.BPE(vocab, [("r", "e"), ("re", "d")], unk_token="<unk>"))
    inner.normalizer = normalizers.Replace(" ", "▁")
    ids, words = TitleTokenizer(inner.to_str(), 8).read(["red a mug"])
    assert (ids[0] >= 0).sum() == 7  # red ▁ a ▁ m u g
    assert words[0].tolist() == [0, 0, 1, 1, 2, 2, 2, -1]


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"text\.tokenizer .* cannot be read"):
        pretrained_tokenizer(TextConfig(tokenizer=str(tmp_path)))


def test_without_a_title_there_is_nothing_to_learn() -> None:
    with pytest.raises(ConfigError, match="no listing of the train split has a title"):
        train_tokenizer(["", ""], OPTIONS)


def test_words_are_known_where_any_has_a_token_of_its_own(tokenizer: TitleTokenizer) -> None:
    assert tokenizer.knows("red mug")
    assert tokenizer.knows("red кружка")
    for nothing in ("", "\u200b", "кружка", "杯子"):
        assert not tokenizer.knows(nothing)
