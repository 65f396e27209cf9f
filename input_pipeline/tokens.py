"""Titles to token ids: WordPiece trained on the catalogue or a pretrained model's, kept in runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Int16, Int32
from numpy.typing import NDArray

from stylejax.batch import NO_TOKEN
from stylejax.config import ConfigError, TextConfig
from stylejax.config.pretrained import pretrained_folder

PAD, UNK, CLS = "[PAD]", "[UNK]", "[CLS]"


class TitleTokenizer:
    """A `transformers` fast tokenizer that fills titles up to `max_tokens` with `NO_TOKEN`."""

    def __init__(self, definition: str, max_tokens: int):
        """Takes the JSON text of a `tokenizers.Tokenizer`.

        Raises:
          ConfigError: when the text is no tokenizer.
        """
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        try:
            inner = Tokenizer.from_str(definition)
        except Exception as error:  # the tokenizers library raises bare Exception
            raise ConfigError(f"not a tokenizer definition: {error}") from error
        self.definition = definition
        self.max_tokens = max_tokens
        self.vocab_size = max(inner.get_vocab().values()) + 1
        self._unknown = inner.token_to_id(getattr(inner.model, "unk_token", None) or "")
        self._tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=inner, model_max_length=max_tokens
        )

    def __call__(self, titles: Sequence[str]) -> Int32[NDArray, "n max_tokens"]:
        """Token ids of n titles, cut and filled up; an empty title has no token."""
        return self.read(titles)[0]

    def knows(self, text: str) -> bool:
        """Whether any word of a text has a token of its own; what is cut off counts not."""
        ids, words = self.read([text])
        return bool(((words >= 0) & (ids != self._unknown)).any())

    def read(
        self, titles: Sequence[str]
    ) -> tuple[Int32[NDArray, "n max_tokens"], Int16[NDArray, "n max_tokens"]]:
        """Token ids of n titles, and the number of the word that each token belongs to.

        A word is what the tokenizer splits a title into before it looks for pieces. Tokens that it
        adds, such as [CLS] in front or an end, belong to none: -1, as where there is no token.
        """
        ids = np.full((len(titles), self.max_tokens), NO_TOKEN, np.int32)
        words = np.full(ids.shape, -1, np.int16)
        rows = [row for row, title in enumerate(titles) if title.strip()]
        if not rows:
            return ids, words
        encoded = self._tokenizer(
            [titles[row] for row in rows],
            truncation=True,
            max_length=self.max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        for row, encoding in zip(rows, encoded.encodings or (), strict=True):
            ids[row, : len(encoding.ids)] = encoding.ids
            words[row, : len(encoding.ids)] = _words(titles[row], encoding)
        return ids, words


def _words(title: str, encoding: Any) -> list[int]:
    """The word of each token: what the tokenizer splits apart, and blanks in the title.

    Some tokenizers split nothing apart before they look for pieces: a title is one word to them.
    """
    inside = [False, *(not letter.isspace() for letter in title)]
    begun = np.cumsum([here and not before for before, here in pairwise(inside)])
    numbers: dict[tuple[int, int], int] = {}
    found = []
    for word, (_, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
        if word is None:
            found.append(-1)
        else:
            place = (word, int(begun[max(end, 1) - 1]))
            found.append(numbers.setdefault(place, len(numbers)))
    return found


def pretrained_tokenizer(options: TextConfig) -> TitleTokenizer:
    """The tokenizer of a pretrained model, `options.tokenizer` (docs/pretrained.md).

    Raises:
      ConfigError: when the folder has no tokenizer, or none that can be written as one JSON text.
    """
    from transformers import AutoTokenizer

    folder = pretrained_folder(options.tokenizer)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (ValueError, OSError, KeyError, ImportError) as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        raise ConfigError(f"text.tokenizer {folder} cannot be read: {reason}") from error
    inner = getattr(tokenizer, "backend_tokenizer", None)
    if inner is None:
        raise ConfigError(
            f"text.tokenizer {folder} is a {type(tokenizer).__name__} without a tokenizer.json"
        )
    inner.no_padding()  # its own way of padding and cutting would come before ours
    inner.no_truncation()
    return TitleTokenizer(inner.to_str(), options.max_tokens)


def train_tokenizer(titles: Iterable[str], options: TextConfig) -> TitleTokenizer:
    """Trains a lower-case WordPiece vocabulary.

    Digits are split one by one, so that a size or value never seen in training is still read.

    Raises:
      ConfigError: when there is no title to learn from.
    """
    from tokenizers import models, trainers

    titles = [title for title in titles if title]
    if not titles:
        raise ConfigError("no listing of the train split has a title: nothing to learn tokens from")
    # The library's WordPiece trainer breaks ties in hash order, so two runs differ; its BPE trainer
    # without a continuation prefix does not. Pieces are learned by BPE, and the WordPiece
    # vocabulary is the most frequent of those that longest-match-first uses on the titles.
    learner = _tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=options.vocab_size, show_progress=False)
    learner.train_from_iterator(titles, trainer)
    pieces = sorted(learner.get_vocab())
    every = [PAD, UNK, CLS, *pieces, *("##" + piece for piece in pieces)]
    draft = _tokenizer(models.WordPiece(_numbered(every), unk_token=UNK))
    used = Counter(token for title in titles for token in draft.encode(title).tokens)
    letters = {token for token in every if len(token.removeprefix("##")) == 1}
    frequent = sorted(
        set(used) - letters - {PAD, UNK, CLS}, key=lambda token: (-used[token], token)
    )
    room = max(0, options.vocab_size - len(letters) - 3)
    vocabulary = [PAD, UNK, CLS, *sorted(letters), *frequent[:room]]
    return TitleTokenizer(
        _tokenizer(models.WordPiece(_numbered(vocabulary), unk_token=UNK)).to_str(),
        options.max_tokens,
    )


def _numbered(tokens: Sequence[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens)}


def _tokenizer(model: Any) -> Any:
    """BERT's lower-casing and word splitting, digits one by one, [CLS] in front, over a model."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)]
    )
    if tokenizer.token_to_id(CLS) is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{CLS} $A", special_tokens=[(CLS, tokenizer.token_to_id(CLS))]
        )
    return tokenizer
