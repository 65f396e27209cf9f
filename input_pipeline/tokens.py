"""Titles to WordPiece ids: a vocabulary trained on the catalogue, kept with the checkpoint."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int32
from numpy.typing import NDArray

from stylejax.batch import NO_TOKEN
from stylejax.config import ConfigError, TextConfig

PAD, UNK, CLS = "[PAD]", "[UNK]", "[CLS]"


class TitleTokenizer:
    """A `transformers` fast tokenizer that fills titles up to `max_tokens` with `NO_TOKEN`."""

    def __init__(self, definition: str, max_tokens: int):
        """Takes the JSON text of a `tokenizers.Tokenizer`.

        Raises:
          ConfigError: when the text is no tokenizer, or its padding id is not 0.
        """
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        try:
            inner = Tokenizer.from_str(definition)
        except Exception as error:  # the tokenizers library raises bare Exception
            raise ConfigError(f"not a tokenizer definition: {error}") from error
        if inner.token_to_id(PAD) != 0:
            raise ConfigError(f"the tokenizer's {PAD} must have id 0, not {inner.token_to_id(PAD)}")
        if max(inner.get_vocab().values()) >= inner.get_vocab_size():
            raise ConfigError("the tokenizer's ids have gaps; number them 0, 1, 2, ...")
        self.definition = definition
        self.max_tokens = max_tokens
        self.vocab_size = inner.get_vocab_size()
        self._tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=inner,
            pad_token=PAD,
            cls_token=CLS,
            unk_token=UNK,
            model_max_length=max_tokens,
        )

    @property
    def continues(self) -> Bool[NDArray, " vocab"]:
        """For each id, whether the token goes on with the word of the token before it."""
        mark = json.loads(self.definition)["model"].get("continuing_subword_prefix")
        inside = np.zeros(self.vocab_size, bool)
        for token, number in self._tokenizer.get_vocab().items():
            inside[number] = bool(mark) and token.startswith(mark)
        return inside

    def __call__(self, titles: Sequence[str]) -> Int32[NDArray, "n max_tokens"]:
        """Token ids of n titles, [CLS] first, cut and filled up; an empty title has no token."""
        ids = np.full((len(titles), self.max_tokens), NO_TOKEN, np.int32)
        rows = [row for row, title in enumerate(titles) if title.strip()]
        if not rows:
            return ids
        encoded = self._tokenizer(
            [titles[row] for row in rows],
            truncation=True,
            max_length=self.max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        for row, numbers in zip(rows, encoded["input_ids"], strict=True):
            ids[row, : len(numbers)] = numbers
        return ids


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
