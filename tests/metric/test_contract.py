import logging

import pytest

from ganworks.metric.contract import contract_lines, differences, terms_of, warn_of_differences

CONTRACT = {
    "split": "digits 0123456789abcdef0123456789abcdef",
    "num_real": 1797,
    "num_fake": 1797,
    "seed": 0,
    "extractor": {
        "digits": {"extractor": "digits classifier", "weights_sha256": "ab" * 32, "resizer": "none"},
        "identity": {"extractor": "the values themselves", "weights_sha256": "none", "resizer": "none"},
    },
    "figure": {
        "fd_digits": {"reads": ["digits"]},
        "precision": {"reads": ["digits"], "num_neighbours": 5},
        "memorised": {"reads": ["identity"], "ratio": 0.7},
    },
}


def changed(**terms):
    return {**CONTRACT, **terms}


def test_terms_of_a_figure_are_those_it_depends_on_and_no_others():
    assert terms_of(CONTRACT, "precision") == {
        "split": CONTRACT["split"],
        "num_real": 1797,
        "num_fake": 1797,
        "seed": 0,
        **CONTRACT["extractor"]["digits"],
        "num_neighbours": 5,
    }
    assert "ratio" not in terms_of(CONTRACT, "fd_digits")


def test_figures_own_term_goes_before_the_shared_one():
    figure = {**CONTRACT["figure"], "fd_digits_500": {"reads": ["digits"], "num_fake": 500}}
    contract = changed(figure=figure)
    assert terms_of(contract, "fd_digits_500")["num_fake"] == 500
    assert terms_of(contract, "fd_digits")["num_fake"] == 1797


def test_equal_contracts_have_no_differences():
    assert differences(CONTRACT, changed()) == []


def test_a_shared_term_that_differs_is_said_once():
    assert differences(CONTRACT, changed(num_fake=100)) == ["num_fake: 1797 and 100"]
    assert differences(CONTRACT, changed(ema=True)) == ["ema: not said and True"]


def test_a_difference_of_one_extractor_is_said_of_the_figures_that_read_it():
    extractor = {**CONTRACT["extractor"]}
    extractor["digits"] = {**extractor["digits"], "resizer": "clean"}
    assert differences(CONTRACT, changed(extractor=extractor)) == [
        "resizer: none and clean (of fd_digits, precision)"
    ]
    assert differences(CONTRACT, changed(extractor=extractor), ["memorised"]) == []


def test_comparison_of_saved_evaluations_warns_of_each_difference(caplog):
    first = {"values": {"precision": 0.5}, "contract": CONTRACT}
    with caplog.at_level(logging.WARNING):
        assert warn_of_differences(first, {"values": {"precision": 0.6}, "contract": changed()}) == []
        assert caplog.messages == []
        assert warn_of_differences(first, {"metrics": {"precision": 0.6}, "contract": changed(seed=1)})
    (message,) = caplog.messages
    assert "do not compare" in message
    assert "seed: 0 and 1" in message


def test_contract_of_an_older_file_differs_in_what_it_does_not_say():
    with pytest.raises(KeyError):
        warn_of_differences({}, {})
    old = {"extractor": "digits classifier", "num_fake": 1797, "seed": 0}
    assert differences(CONTRACT, old) == ["the contracts have no figure in common"]


def test_contract_takes_a_line_for_each_extractor_and_hashes_are_cut():
    lines = contract_lines(CONTRACT)
    assert lines[0] == "split digits 01234567 · num_real 1797 · num_fake 1797 · seed 0"
    assert lines[1].startswith("digits: digits classifier, weights_sha256 abababab, resizer none")
    assert lines[-1] == "memorised: ratio 0.7"
    assert len(lines) == 5
