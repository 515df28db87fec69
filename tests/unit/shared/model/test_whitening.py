"""Soft whitening: its mathematics, against numpy's singular value decomposition."""

import numpy as np
import pytest

from shared.errors import Misconfigured
from shared.model import Whitening
from tests.support.featured import PLAIN, featured, featured_release


def sample(rows: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(width, width)))[0]
    return (rng.normal(size=(rows, width)) * 1.4 ** -np.arange(width) @ axes + rng.normal(size=width)).astype(
        np.float32
    )


def test_whitened_texts_have_mean_zero_and_mean_square_norm_one():
    embeddings = sample(300, 8)
    x = Whitening.fit(embeddings).apply(embeddings)
    assert x.dtype == np.float32
    assert np.allclose(x.mean(0), 0, atol=1e-5)
    assert np.square(x).sum(1).mean() == pytest.approx(1, abs=1e-5)


def test_the_variance_along_each_axis_is_proportional_to_the_deviation_it_had():
    # Dividing an axis of deviation s by sqrt(s) leaves deviation sqrt(s), variance s.
    embeddings = sample(300, 8)
    deviations = np.linalg.svd(embeddings - embeddings.mean(0), compute_uv=False) / np.sqrt(300)
    x = Whitening.fit(embeddings).apply(embeddings)
    covariance = np.cov(x.T, bias=True)
    assert np.allclose(np.diag(covariance), deviations / deviations.sum(), atol=1e-5)
    assert np.allclose(covariance, np.diag(np.diag(covariance)), atol=1e-5)


def test_the_widest_axis_comes_first_so_that_a_narrow_dense_view_starts_on_it():
    embeddings = sample(300, 8)
    deviations = Whitening.fit(embeddings).apply(embeddings).std(0)
    assert np.all(np.diff(deviations) < 0)


def test_the_sign_of_an_axis_is_fixed_by_its_largest_entry():
    # The eigenvectors of a library come with signs of its own choice.
    matrix = Whitening.fit(sample(300, 8)).matrix
    assert (matrix[np.abs(matrix).argmax(0), np.arange(8)] > 0).all()


def test_the_same_texts_give_the_same_coordinates_in_any_order():
    embeddings = sample(300, 8)
    one, again = Whitening.fit(embeddings), Whitening.fit(embeddings.copy())
    assert np.array_equal(one.matrix, again.matrix)
    assert np.array_equal(one.mean, again.mean)
    shuffled = Whitening.fit(embeddings[::-1].copy())
    assert np.allclose(one.matrix, shuffled.matrix, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_fewer_texts_than_dimensions_give_finite_numbers(rows):
    embeddings = sample(rows, 8)
    x = Whitening.fit(embeddings).apply(np.concatenate([embeddings, sample(3, 8, seed=1)]))
    assert np.isfinite(x).all()
    if rows > 1:
        assert np.square(x[:rows]).sum(1).mean() == pytest.approx(1, abs=1e-4)


def test_it_is_fitted_on_the_catalogue_alone_and_then_only_applied(tiny):
    release, model = tiny.release()
    texts = release.catalogue.texts
    fitted = Whitening.fit(model.encoder.embed(texts))
    assert np.allclose(release.whitening.matrix, fitted.matrix, atol=1e-3)
    before = release.whitening.matrix.copy()
    release.whitening.apply(model.encoder.embed(["rose drum oven saddle"]))
    assert np.array_equal(release.whitening.matrix, before)


def test_features_lead_the_texts_columns_and_are_standardised_over_the_items_that_have_them(tiny):
    release, model = featured_release(tiny)
    items = featured()
    text = Whitening.fit(model.encoder.embed(items.texts))
    assert np.allclose(release.index[:, 4:], text.apply(model.encoder.embed(items.texts)), atol=0.01)  # int8
    present = items.features["image"].present
    image = release.index[:, :3]
    assert np.allclose(image[present].mean(0), 0, atol=2e-3)
    assert np.square(image[present]).sum(1).mean() == pytest.approx(1, abs=5e-3)
    # One number alone: less its mean, over its standard deviation.
    prices = items.features["price"].values[1::2, 0]
    standard = (prices - prices.mean()) / prices.std()
    assert np.allclose(release.index[1::2, 3], standard, atol=1e-4)


def test_a_block_that_an_item_lacks_is_zero_and_words_have_none(tiny):
    release, model = featured_release(tiny)
    rows = [featured().row(item) for item in PLAIN]
    assert not release.index[rows, :3].any()
    assert not release.index[::2, 3].any()
    words = release.whitening.apply(model.encoder.embed(["a rose for the garden"]))
    assert not words[:, :4].any()
    assert words.shape == (1, 36)


def test_without_features_the_columns_are_those_of_the_text_to_the_last_bit():
    embeddings = sample(24, 8)
    one, other = Whitening.fit(embeddings), Whitening.fit_items(embeddings, featured(), {})
    assert np.array_equal(one.matrix, other.matrix)
    assert np.array_equal(one.apply(embeddings), other.apply_items(embeddings, featured()))


@pytest.mark.parametrize(("name", "width", "got"), [("audio", 3, "none"), ("image", 4, "3")])
def test_a_block_that_the_catalogue_has_not_is_refused_and_the_key_named(name, width, got):
    with pytest.raises(Misconfigured, match=rf"model\.features\.{name}: expected .* {width} numbers .* got {got}"):
        Whitening.fit_items(sample(24, 8), featured(), {name: width})


def test_axes_are_led_by_what_some_directions_span_and_no_angle_changes():
    rng = np.random.default_rng(3)
    embeddings = rng.normal(size=(50, 8)).astype(np.float32)
    whitening = Whitening.fit(embeddings)
    directions = rng.normal(size=(3, 8)).astype(np.float32)
    turned, rotation = whitening.led_by(directions)
    assert np.allclose(rotation.T @ rotation, np.eye(8), atol=1e-5)
    before, after = whitening.apply(embeddings), turned.apply(embeddings)
    assert np.allclose(before @ rotation, after, atol=1e-4)
    assert np.allclose(before @ before.T, after @ after.T, atol=1e-3)
    assert np.allclose((directions @ rotation)[:, 3:], 0.0, atol=1e-5)
    # what is left keeps the order of the axes as they were: the first of them is the first axis less what is spanned
    spanned = np.linalg.svd(directions, full_matrices=False)[2]
    first = np.eye(8)[0] - spanned.T @ (spanned @ np.eye(8)[0])
    assert abs(first @ rotation[:, 3]) == pytest.approx(np.linalg.norm(first), rel=1e-4)


def test_as_many_directions_as_axes_only_turn_them():
    rng = np.random.default_rng(4)
    whitening = Whitening.fit(rng.normal(size=(50, 8)).astype(np.float32))
    _, rotation = whitening.led_by(rng.normal(size=(20, 8)).astype(np.float32))
    assert np.allclose(rotation.T @ rotation, np.eye(8), atol=1e-5)


def test_columns_of_features_stay_where_they_are():
    rng = np.random.default_rng(5)
    text = Whitening.fit(rng.normal(size=(50, 8)).astype(np.float32))
    with_features = Whitening(text.mean, np.concatenate([np.zeros((8, 2), np.float32), text.matrix], 1))
    turned, _ = with_features.led_by(rng.normal(size=(3, 8)).astype(np.float32))
    assert not turned.matrix[:, :2].any()
