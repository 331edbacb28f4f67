"""Families: loss functions of classification, regression, ranking and representation learning."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 9, inputs 2
cross_entropy: cross_entropy 5, cross_entropy_loss 4, softmax_cross_entropy 4, classification_loss 1
binary_cross_entropy: binary_cross_entropy 4, bce_loss 3, bce_with_logits 2, sigmoid_cross_entropy 2
mixup_loss: mixup_loss 4, mixup_cross_entropy 3, mixup_criterion 2
next_token_loss: next_token_loss 4, lm_loss 4, language_model_loss 3, causal_lm_loss 2
overlap_loss: overlap_loss 3, segmentation_loss 5, region_loss 2, soft_overlap_loss 1
regression_loss: regression_loss 5, pointwise_loss 2, compute_loss 2, error_loss 1
quantile_loss: quantile_loss 5, pinball_loss 4, quantile_regression_loss 2
hinge_loss: hinge_loss 6, multiclass_hinge_loss 2, margin_loss 2, svm_loss 2
location_scale_nll: location_scale_nll 2, nll_loss 4, negative_log_likelihood 4, heteroscedastic_loss 2
mixture_density_nll: mixture_density_nll 3, mdn_loss 4, mixture_nll 3, mixture_density_loss 2
evidential_regression: evidential_regression 3, evidential_loss 4, nig_loss 3, deep_evidential_loss 1
dirichlet_loss: dirichlet_loss 4, evidential_classification_loss 3, edl_loss 3
divergence: divergence 4, distribution_divergence 2, compute_divergence 2, policy_divergence 1
elbo_loss: elbo_loss 4, vae_loss 5, negative_elbo 4
histogram_distance: histogram_distance 4, emd_loss 4, cdf_distance 2
contrastive_loss: contrastive_loss 5, info_nce 4, info_nce_loss 4
sigmoid_contrastive_loss: sigmoid_contrastive_loss 3, siglip_loss 4, sigmoid_loss 2
nt_xent: nt_xent 4, nt_xent_loss 4, simclr_loss 3, ntxent 1
supervised_contrastive: supervised_contrastive 4, supcon_loss 4, supervised_contrastive_loss 3
triplet_loss: triplet_loss 8, triplet_margin_loss 4
batch_triplet_loss: batch_triplet_loss 4, online_triplet_loss 3
pair_loss: pair_loss 3, pairwise_contrastive_loss 3, siamese_loss 4, similarity_loss 2
pairwise_ranking_loss: pairwise_ranking_loss 5, pairwise_loss 3, ranking_loss 4
listwise_ranking_loss: listwise_ranking_loss 4, listwise_loss 4, list_loss 1
ndcg: ndcg 5, soft_ndcg 2, ndcg_score 2, compute_ndcg 2
distillation_loss: distillation_loss 6, kd_loss 3, knowledge_distillation_loss 3
penalised_regression: penalised_regression 2, penalized_loss 3, regularized_loss 4, linear_model_loss 3
orthogonality_penalty: orthogonality_penalty 4, orthogonal_regularizer 4, orthogonal_loss 2
redundancy_reduction: redundancy_reduction 2, self_supervised_loss 4, joint_embedding_loss 3
total_variation: total_variation 5, tv_loss 4, total_variation_loss 3, smoothness_loss 1
gan_losses: gan_losses 4, adversarial_losses 4, adversarial_loss 2
diffusion_loss: diffusion_loss 5, denoising_loss 3, ddpm_loss 3
denoise: denoise 5, predict 2, denoiser 2, model 2
logits: logits 9, scores 1, preds 1
labels: labels 7, targets 3, y 2
targets: targets 6, target 3, y 2, y_true 1
predictions: predictions 4, preds 4, y_pred 3, pred 3
loss: loss 12, losses 1
log_probs: log_probs 6, log_p 2, logp 2
probs: probs 6, p 2, probabilities 2
mask: mask 8, valid 2
weights: weights 5, sample_weight 4, w 2
label_smoothing: label_smoothing 7, smoothing 4, eps 1
temperature: temperature 6, temp 2, tau 2
num_classes: num_classes 7, n_classes 2, c 1
anchor: anchor 6, anchors 3, a 1
positive: positive 6, positives 3, pos 1
negative: negative 6, negatives 3, neg 1
similarity: similarity 4, sim 4, logits 2
distance: distance 4, dist 4, d 1
distances: distances 4, dists 4, dist 2
margin: margin 8, m 1
residual: residual 4, error 4, diff 3, err 2
mean: mean 5, mu 4, loc 2
log_var: log_var 5, logvar 5, log_variance 1
scores: scores 6, logits 2, preds 1
relevances: relevances 4, relevance 4, labels 2, rel 1
gains: gains 5, gain 3
discounts: discounts 5, discount 3
student_logits: student_logits 8, student 2, logits_s 1
teacher_logits: teacher_logits 8, teacher 2, logits_t 1
z_a: z_a 4, z1 4, za 1
z_b: z_b 4, z2 4, zb 1
alpha: alpha 8, a 1
concentration: concentration 4, alpha 5
image: image 6, img 3, x 3
dx: dx 5, diff_x 3, grad_x 3
dy: dy 5, diff_y 3, grad_y 3
gram: gram 6, g 1
intersection: intersection 5, inter 4, overlap 2
quantiles: quantiles 4, taus 4, q 2
real_logits: real_logits 5, d_real 3, real_scores 2
fake_logits: fake_logits 5, d_fake 3, fake_scores 2
"""


# ---------------------------------------------------------------- classification


def smooth_labels(targets, label_smoothing=0.1):
    """Mixes targets with the uniform distribution."""
    num_classes = targets.shape[-1]
    return targets * (1.0 - label_smoothing) + label_smoothing / num_classes


@family(
    "reduction",
    logits="... n c in -4..4",
    labels="... n int c",
    class_weights="? c in 0.5..2",
    mask="? ... n bool",
    label_smoothing={0.0: 5, 0.05: 1, 0.1: 3, 0.2: 1},
    gather=(False, True),
    z_loss={None: 4, 1e-4: 1, 1e-3: 1},
    with_accuracy={False: 5, True: 1},
    reduction={"mean": 5, "sum": 2, "none": 2},
    sizes={"c": (4, 5, 6, 8, 10), "n": (4, 5, 6, 8, 12)},
)
def cross_entropy(
    logits,
    labels,
    class_weights=None,
    mask=None,
    *,
    label_smoothing=0.0,
    gather=False,
    z_loss=None,
    with_accuracy=False,
    reduction="mean",
):
    """Cross-entropy of logits with integer labels.

    Args:
        logits: unnormalised scores, with the classes last.
        labels: the index of each example's class.
        class_weights: a weight for each class.
        mask: which examples count.
        label_smoothing: the share of the uniform distribution in the targets.
        z_loss: weight of the squared log normaliser.
        reduction: "mean", "sum" or "none".
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if gather:
        loss = -jnp.take_along_axis(log_probs, labels[..., None], axis=-1)[..., 0]
        if label_smoothing > 0:
            uniform = -jnp.mean(log_probs, axis=-1)
            loss = (1.0 - label_smoothing) * loss + label_smoothing * uniform
    else:
        targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        if label_smoothing > 0:
            targets = smooth_labels(targets, label_smoothing)
        loss = -jnp.sum(targets * log_probs, axis=-1)
    if z_loss is not None:
        # Keep the normaliser near one.
        log_z = jax.nn.logsumexp(logits, axis=-1)
        loss = loss + z_loss * jnp.square(log_z)
    if class_weights is not None:
        loss = loss * class_weights[labels]
    if mask is not None:
        mask = mask.astype(loss.dtype)
        loss = loss * mask
    if reduction == "mean":
        if mask is not None:
            loss = jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1.0)
        else:
            loss = jnp.mean(loss)
    elif reduction == "sum":
        loss = jnp.sum(loss)
    if with_accuracy:
        correct = jnp.argmax(logits, axis=-1) == labels
        return loss, jnp.mean(correct.astype(logits.dtype))
    return loss


@family(
    "reduction",
    "elementwise",
    logits="n c in -4..4",
    targets="n c in 0..1",
    pos_weight="? c in 0.5..3",
    weights="? n in 0.2..2",
    label_smoothing={0.0: 4, 0.1: 1, 0.05: 1},
    form=("softplus", "log_sigmoid", "max"),
    gamma={None: 4, 2.0: 2, 1.0: 1},
    alpha={None: 4, 0.25: 1},
    reduction={"mean": 5, "sum_classes": 2, "none": 3},
    sizes={"c": (4, 5, 6, 8, 10), "n": (4, 5, 6, 8, 12)},
)
def binary_cross_entropy(
    logits,
    targets,
    pos_weight=None,
    weights=None,
    *,
    label_smoothing=0.0,
    form="softplus",
    gamma=None,
    alpha=None,
    reduction="mean",
):
    """Binary cross-entropy of logits, stable for large ones."""
    if label_smoothing > 0:
        targets = targets * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if pos_weight is not None:
        if form == "log_sigmoid":
            positive = pos_weight * targets * jax.nn.log_sigmoid(logits)
            loss = -(positive + (1.0 - targets) * jax.nn.log_sigmoid(-logits))
        else:
            positive = pos_weight * targets * jax.nn.softplus(-logits)
            loss = positive + (1.0 - targets) * jax.nn.softplus(logits)
    elif form == "softplus":
        loss = jax.nn.softplus(logits) - logits * targets
    elif form == "log_sigmoid":
        log_p = jax.nn.log_sigmoid(logits)
        log_not_p = jax.nn.log_sigmoid(-logits)
        loss = -targets * log_p - (1.0 - targets) * log_not_p
    else:
        loss = jnp.maximum(logits, 0.0) - logits * targets + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    if gamma is not None:
        # Focus on the examples that are hard.
        probs = jax.nn.sigmoid(logits)
        p_t = probs * targets + (1.0 - probs) * (1.0 - targets)
        loss = loss * (1.0 - p_t) ** gamma
    if alpha is not None:
        loss = loss * (alpha * targets + (1.0 - alpha) * (1.0 - targets))
    if weights is not None:
        loss = loss * weights[:, None]
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum_classes":
        return jnp.sum(loss, axis=-1)
    else:
        return loss


@family(
    "reduction",
    logits="n c in -4..4",
    labels="n int c",
    alpha="? c in 0.2..1",
    mask="? n bool",
    gamma={2.0: 4, 1.0: 1, 1.5: 1, 3.0: 1},
    poly={None: 4, 2.0: 1, 0.5: 1},
    detach={False: 4, True: 1},
    gather=(False, True),
    reduction={"mean": 4, "sum": 1, "none": 2},
    sizes={"c": (4, 5, 6, 8, 10)},
)
def focal_loss(
    logits,
    labels,
    alpha=None,
    mask=None,
    *,
    gamma=2.0,
    poly=None,
    detach=False,
    gather=True,
    reduction="mean",
):
    """Focal loss of several classes.

    Args:
        logits: scores of shape (examples, classes).
        labels: the class of each example.
        alpha: a weight for each class.
        mask: which examples count.
        gamma: how strongly easy examples are weighed down.

    Returns:
        The loss.
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if gather:
        log_pt = jnp.take_along_axis(log_probs, labels[:, None], axis=-1).squeeze(-1)
    else:
        one_hot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        log_pt = jnp.sum(one_hot * log_probs, axis=-1)
    pt = jnp.exp(log_pt)
    modulation = (1.0 - pt) ** gamma
    if detach:
        modulation = jax.lax.stop_gradient(modulation)
    loss = -modulation * log_pt
    if poly is not None:
        # The first term of the series in (1 - pt) gets another weight.
        loss = loss + poly * (1.0 - pt) ** (gamma + 1.0)
    if alpha is not None:
        loss = alpha[labels] * loss
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    logits="n c in -4..4",
    labels_a="n int c",
    labels_b="n int c",
    lam="n in 0.1..0.9",
    weights="? n in 0.2..2",
    mix_targets=(False, True),
    label_smoothing={0.0: 4, 0.1: 2},
    entropy_weight={None: 5, 0.1: 1},
    reduction={"mean": 4, "none": 1},
    sizes={"c": (4, 5, 6, 8, 10)},
)
def mixup_loss(
    logits,
    labels_a,
    labels_b,
    lam,
    weights=None,
    *,
    mix_targets=False,
    label_smoothing=0.0,
    entropy_weight=None,
    reduction="mean",
):
    """Cross-entropy of examples that are mixed from two each."""
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if mix_targets:
        num_classes = logits.shape[-1]
        one_hot_a = jax.nn.one_hot(labels_a, num_classes)
        one_hot_b = jax.nn.one_hot(labels_b, num_classes)
        targets = lam[:, None] * one_hot_a + (1.0 - lam[:, None]) * one_hot_b
        if label_smoothing > 0:
            targets = smooth_labels(targets, label_smoothing)
        loss = -jnp.sum(targets * log_probs, axis=-1)
    else:
        rows = jnp.arange(logits.shape[0])
        loss = -lam * log_probs[rows, labels_a] - (1.0 - lam) * log_probs[rows, labels_b]
        if label_smoothing > 0:
            loss = (1.0 - label_smoothing) * loss - label_smoothing * jnp.mean(log_probs, axis=-1)
    if entropy_weight is not None:
        # Confident predictions cost something.
        entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
        loss = loss - entropy_weight * entropy
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    else:
        return loss


@family(
    "reduction",
    logits="b t c in -4..4",
    tokens="b t int c",
    mask="? b t bool",
    pad_id={None: 2, 0: 3},
    z_loss={None: 3, 1e-4: 1},
    softcap={None: 4, 30.0: 1},
    per_sequence={False: 3, True: 1},
    metric={None: 3, "perplexity": 1},
    label_smoothing={0.0: 4, 0.1: 1},
    sizes={"b": (2, 3, 4), "t": (4, 5, 6, 8), "c": (6, 8, 10, 12)},
    only="float32",
)
def next_token_loss(
    logits,
    tokens,
    mask=None,
    *,
    pad_id=None,
    z_loss=None,
    softcap=None,
    per_sequence=False,
    metric=None,
    label_smoothing=0.0,
):
    """Cross-entropy of each token with the prediction from those before it.

    Args:
        logits: predictions of shape (batch, time, vocabulary).
        tokens: the tokens, of shape (batch, time).
        mask: which positions count.
        pad_id: the token that fills short sequences.
        z_loss: weight of the squared log normaliser.
    """
    if softcap is not None:
        logits = softcap * jnp.tanh(logits / softcap)
    # The last position has nothing to predict.
    logits = logits[:, :-1]
    targets = tokens[:, 1:]
    log_z = jax.nn.logsumexp(logits, axis=-1)
    label_logits = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    loss = log_z - label_logits
    if label_smoothing > 0:
        uniform_loss = log_z - jnp.mean(logits, axis=-1)
        loss = (1.0 - label_smoothing) * loss + label_smoothing * uniform_loss
    if z_loss is not None:
        loss = loss + z_loss * jnp.square(log_z)
    if pad_id is not None:
        valid = targets != pad_id
        if mask is not None:
            valid = valid & mask[:, 1:]
        valid = valid.astype(loss.dtype)
        if per_sequence:
            total = jnp.sum(loss * valid, axis=-1)
            loss = jnp.mean(total / jnp.maximum(jnp.sum(valid, axis=-1), 1.0))
        else:
            loss = jnp.sum(loss * valid) / jnp.maximum(jnp.sum(valid), 1.0)
    elif mask is not None:
        valid = mask[:, 1:].astype(loss.dtype)
        if per_sequence:
            total = jnp.sum(loss * valid, axis=-1)
            loss = jnp.mean(total / jnp.maximum(jnp.sum(valid, axis=-1), 1.0))
        else:
            loss = jnp.sum(loss * valid) / jnp.maximum(jnp.sum(valid), 1.0)
    elif per_sequence:
        loss = jnp.mean(jnp.sum(loss, axis=-1))
    else:
        loss = jnp.mean(loss)
    if metric == "perplexity":
        return loss, jnp.exp(jnp.minimum(loss, 20.0))
    return loss


@family(
    "reduction",
    logits="b n c in -3..3",
    labels="b n int c",
    class_weights="? c in 0.5..2",
    kind={"dice": 4, "jaccard": 2, "tversky": 3},
    squared={False: 3, True: 1},
    skip_background={False: 3, True: 1},
    per_image=(False, True),
    form={"one_minus": 4, "log": 1, "log_cosh": 1, "focal": 1},
    ce_weight={None: 3, 0.25: 1, 0.5: 1},
    smooth={1.0: 3, 1e-5: 2},
    sizes={"b": (2, 3, 4), "n": (6, 8, 12, 16), "c": (4, 5, 6)},
)
def overlap_loss(
    logits,
    labels,
    class_weights=None,
    *,
    kind="dice",
    squared=False,
    skip_background=False,
    per_image=True,
    form="one_minus",
    ce_weight=None,
    smooth=1.0,
):
    """Overlap loss of a segmentation, over all classes.

    Args:
        logits: scores of shape (batch, pixels, classes).
        labels: the class of each pixel.
        class_weights: a weight for each class.
        kind: "dice", "jaccard" or "tversky".
        smooth: what is added to both sides of the ratio.
    """
    probs = jax.nn.softmax(logits, axis=-1)
    targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    if per_image:
        axes = 1
    else:
        axes = (0, 1)
    intersection = jnp.sum(probs * targets, axis=axes)
    if kind == "tversky":
        false_positives = jnp.sum(probs * (1.0 - targets), axis=axes)
        false_negatives = jnp.sum((1.0 - probs) * targets, axis=axes)
        denominator = intersection + 0.3 * false_positives + 0.7 * false_negatives
        score = (intersection + smooth) / (denominator + smooth)
    else:
        if squared:
            cardinality = jnp.sum(jnp.square(probs) + targets, axis=axes)
        else:
            cardinality = jnp.sum(probs + targets, axis=axes)
        if kind == "dice":
            score = (2.0 * intersection + smooth) / (cardinality + smooth)
        else:
            score = (intersection + smooth) / (cardinality - intersection + smooth)
    if form == "log":
        loss = -jnp.log(score)
    elif form == "log_cosh":
        loss = jnp.log(jnp.cosh(1.0 - score))
    elif form == "focal":
        loss = (1.0 - score) ** 0.75
    else:
        loss = 1.0 - score
    if class_weights is not None:
        loss = loss * class_weights
    if skip_background:
        loss = loss[..., 1:]
    loss = jnp.mean(loss)
    if ce_weight is not None:
        log_probs = jax.nn.log_softmax(logits, axis=-1)
        loss = loss - ce_weight * jnp.mean(jnp.sum(targets * log_probs, axis=-1))
    return loss


# ---------------------------------------------------------------- regression


@family(
    "reduction",
    "elementwise",
    "branch",
    predictions="... n",
    targets="... n",
    weights="? ... n in 0.2..2",
    mask="? ... n bool",
    kind={
        "squared": 1,
        "absolute": 1,
        "huber": 3,
        "log_cosh": 2,
        "pseudo_huber": 2,
        "charbonnier": 1,
        "cauchy": 2,
        "geman_mcclure": 1,
        "welsch": 1,
        "tukey": 1,
        "smooth_l1": 1,
        "asymmetric": 1,
    },
    relative={False: 6, True: 1},
    delta={0.5: 2, 1.35: 2, 2.0: 1, 1.5: 1},
    reduction={"mean": 4, "sum": 1, "none": 3},
)
def regression_loss(
    predictions,
    targets,
    weights=None,
    mask=None,
    *,
    kind="huber",
    relative=False,
    delta=1.0,
    reduction="mean",
):
    """Loss of predictions of real numbers.

    Args:
        predictions: the predicted values.
        targets: the true values.
        weights: a weight for each value.
        mask: which values are known.
        delta: the error at which the loss changes its form.

    Returns:
        The loss.
    """
    error = predictions - targets
    if relative:
        error = error / (jnp.abs(targets) + 1.0)
    if kind == "squared":
        loss = jnp.square(error)
    elif kind == "absolute":
        loss = jnp.abs(error)
    elif kind == "huber":
        abs_error = jnp.abs(error)
        quadratic = jnp.minimum(abs_error, delta)
        loss = 0.5 * jnp.square(quadratic) + delta * (abs_error - quadratic)
    elif kind == "smooth_l1":
        abs_error = jnp.abs(error)
        loss = jnp.where(abs_error < delta, 0.5 * error**2 / delta, abs_error - 0.5 * delta)
    elif kind == "log_cosh":
        # Written so that large errors don't overflow.
        loss = error + jax.nn.softplus(-2.0 * error) - jnp.log(2.0)
    elif kind == "pseudo_huber":
        loss = delta**2 * (jnp.sqrt(1.0 + jnp.square(error / delta)) - 1.0)
    elif kind == "charbonnier":
        loss = jnp.sqrt(jnp.square(error) + 1e-3)
    elif kind == "cauchy":
        loss = 0.5 * delta**2 * jnp.log1p(jnp.square(error / delta))
    elif kind == "geman_mcclure":
        loss = 0.5 * jnp.square(error) / (jnp.square(error) + delta**2)
    elif kind == "welsch":
        loss = 0.5 * delta**2 * (1.0 - jnp.exp(-jnp.square(error / delta)))
    elif kind == "tukey":
        inside = 1.0 - (1.0 - jnp.square(error / delta)) ** 3
        loss = delta**2 / 6.0 * jnp.where(jnp.abs(error) <= delta, inside, 1.0)
    else:
        # Predictions that are too low cost more.
        loss = jnp.where(error < 0, 2.0 * jnp.square(error), jnp.square(error))
    if weights is not None:
        loss = loss * weights
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        elif weights is not None:
            return jnp.sum(loss) / jnp.sum(weights)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    predictions="n k",
    targets="n",
    quantiles="k in 0.05..0.95",
    weights="? n in 0.2..2",
    form={"maximum": 3, "where": 2, "huber": 2, "softplus": 1},
    crossing_penalty={None: 4, 5.0: 1, 10.0: 1},
    reduction={"mean": 3, "sum_quantiles": 2, "per_quantile": 1},
    sizes={"k": (4, 5, 7)},
)
def quantile_loss(
    predictions,
    targets,
    quantiles,
    weights=None,
    *,
    form="maximum",
    crossing_penalty=None,
    reduction="mean",
):
    """Pinball loss of several predicted quantiles."""
    error = targets[:, None] - predictions
    if form == "huber":
        abs_error = jnp.abs(error)
        huber = jnp.where(abs_error <= 1.0, 0.5 * jnp.square(error), abs_error - 0.5)
        loss = jnp.where(error >= 0, quantiles, 1.0 - quantiles) * huber
    elif form == "softplus":
        loss = quantiles * error + 0.1 * jax.nn.softplus(-error / 0.1)
    elif form == "maximum":
        loss = jnp.maximum(quantiles * error, (quantiles - 1.0) * error)
    else:
        loss = jnp.where(error >= 0, quantiles, quantiles - 1.0) * error
    if weights is not None:
        loss = loss * weights[:, None]
    if reduction == "sum_quantiles":
        loss = jnp.mean(jnp.sum(loss, axis=-1))
    elif reduction == "per_quantile":
        loss = jnp.mean(loss, axis=0)
    else:
        loss = jnp.mean(loss)
    if crossing_penalty is not None:
        # Quantiles must not decrease.
        crossing = jax.nn.relu(predictions[:, :-1] - predictions[:, 1:])
        loss = loss + crossing_penalty * jnp.mean(crossing)
    return loss


@family(
    "reduction",
    scores="n c",
    labels="n int c",
    class_weights="? c in 0.5..2",
    weight_matrix="? d c",
    kind={"crammer_singer": 3, "weston_watkins": 3, "one_vs_rest": 2, "multi_margin": 1},
    power={1: 3, 2: 2},
    margin={1.0: 4, 0.5: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"c": (4, 5, 6, 8), "d": (4, 6, 8), "n": (6, 8, 12, 16)},
)
def hinge_loss(
    scores,
    labels,
    class_weights=None,
    weight_matrix=None,
    *,
    kind="crammer_singer",
    power=1,
    margin=1.0,
    reduction="mean",
):
    """Hinge loss of several classes.

    Args:
        scores: of shape (examples, classes).
        labels: the class of each example.
        class_weights: a weight for each class.
        weight_matrix: parameters that are kept small.
        margin: by how much the right class should win.
    """
    n, num_classes = scores.shape
    one_hot = jax.nn.one_hot(labels, num_classes)
    if kind == "one_vs_rest":
        signs = 2.0 * one_hot - 1.0
        violations = jax.nn.relu(margin - signs * scores)
        if power == 2:
            violations = jnp.square(violations)
        loss = jnp.sum(violations, axis=-1)
    else:
        correct = scores[jnp.arange(n), labels]
        if kind == "crammer_singer":
            others = jnp.where(one_hot > 0, -jnp.inf, scores)
            loss = jax.nn.relu(margin + jnp.max(others, axis=-1) - correct)
            if power == 2:
                loss = jnp.square(loss)
        else:
            violations = jax.nn.relu(margin + scores - correct[:, None]) * (1.0 - one_hot)
            if power == 2:
                violations = jnp.square(violations)
            if kind == "multi_margin":
                loss = jnp.mean(violations, axis=-1)
            else:
                loss = jnp.sum(violations, axis=-1)
    if class_weights is not None:
        loss = loss * class_weights[labels]
    if reduction == "mean":
        loss = jnp.mean(loss)
    elif reduction == "sum":
        loss = jnp.sum(loss)
    if weight_matrix is not None:
        loss = loss + 0.005 * jnp.sum(jnp.square(weight_matrix))
    return loss


# ---------------------------------------------------------------- likelihoods


@family(
    "reduction",
    "elementwise",
    targets="n d",
    mean="n d",
    scale="n d in -1.5..1.5",
    mask="? n d bool",
    kind={"gaussian": 5, "laplace": 2, "student_t": 2, "logistic": 1, "cauchy": 1},
    scale_of={"log_var": 4, "log_std": 3, "softplus": 3},
    full={False: 2, True: 2},
    beta={None: 4, 0.5: 1},
    reduction={"mean": 4, "sum": 3, "none": 2},
    sizes={"n": (4, 5, 6, 8, 10), "d": (4, 5, 6, 8)},
)
def location_scale_nll(
    targets,
    mean,
    scale,
    mask=None,
    *,
    kind="gaussian",
    scale_of="log_var",
    full=True,
    beta=None,
    reduction="mean",
):
    """Negative log-likelihood of targets whose scale is predicted, too."""
    if scale_of == "log_var":
        std = jnp.exp(0.5 * scale)
    elif scale_of == "log_std":
        std = jnp.exp(jnp.clip(scale, -5.0, 2.0))
    else:
        std = jax.nn.softplus(scale) + 1e-3
    z = (targets - mean) / std
    if kind == "gaussian":
        nll = 0.5 * jnp.square(z) + jnp.log(std)
        if full:
            nll = nll + 0.5 * jnp.log(2.0 * jnp.pi)
    elif kind == "laplace":
        nll = jnp.abs(z) + jnp.log(std)
        if full:
            nll = nll + jnp.log(2.0)
    elif kind == "student_t":
        # Four degrees of freedom.
        nll = 2.5 * jnp.log1p(jnp.square(z) / 4.0) + jnp.log(std)
        if full:
            nll = nll + jnp.log(8.0 / 3.0)
    elif kind == "logistic":
        nll = z + 2.0 * jax.nn.softplus(-z) + jnp.log(std)
    else:
        nll = jnp.log1p(jnp.square(z)) + jnp.log(std)
        if full:
            nll = nll + jnp.log(jnp.pi)
    if beta is not None:
        # Weigh by the variance, so that uncertain targets are still fitted.
        nll = nll * jax.lax.stop_gradient(std ** (2.0 * beta))
    if mask is not None:
        nll = nll * mask
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(nll) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(nll)
    elif reduction == "sum":
        return jnp.sum(nll, axis=-1)
    else:
        return nll


@family(
    "reduction",
    targets="n d",
    logits="n k",
    means="n k d",
    log_scales="n k d in -1..1",
    weights="? n in 0.2..2",
    component={"gaussian": 4, "laplace": 2, "logistic": 1},
    bounded={False: 3, True: 1},
    entropy_weight={None: 4, 0.01: 1, 0.1: 1},
    with_responsibilities={False: 5, True: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6, 8), "d": (2, 4, 5), "k": (2, 4, 5)},
    only="float32",
)
def mixture_density_nll(
    targets,
    logits,
    means,
    log_scales,
    weights=None,
    *,
    component="gaussian",
    bounded=False,
    entropy_weight=None,
    with_responsibilities=False,
    reduction="mean",
):
    """Negative log-likelihood of a mixture density network.

    Args:
        targets: observed vectors, of shape (n, d).
        logits: unnormalised log weights of the components, of shape (n, k).
        means: of shape (n, k, d).
        log_scales: of shape (n, k, d).
        weights: a weight for each observation.
    """
    if bounded:
        log_scales = 3.0 * jnp.tanh(log_scales / 3.0)
    z = (targets[:, None, :] - means) * jnp.exp(-log_scales)
    if component == "gaussian":
        log_density = -0.5 * jnp.square(z) - log_scales - 0.5 * jnp.log(2.0 * jnp.pi)
    elif component == "laplace":
        log_density = -jnp.abs(z) - log_scales - jnp.log(2.0)
    else:
        log_density = -z - 2.0 * jax.nn.softplus(-z) - log_scales
    log_weights = jax.nn.log_softmax(logits, axis=-1)
    joint = log_weights + jnp.sum(log_density, axis=-1)
    nll = -jax.nn.logsumexp(joint, axis=-1)
    if entropy_weight is not None:
        entropy = -jnp.sum(jnp.exp(log_weights) * log_weights, axis=-1)
        nll = nll - entropy_weight * entropy
    if weights is not None:
        nll = nll * weights
    if reduction == "mean":
        loss = jnp.mean(nll)
    elif reduction == "sum":
        loss = jnp.sum(nll)
    else:
        loss = nll
    if with_responsibilities:
        return loss, jax.nn.softmax(joint, axis=-1)
    return loss


@family(
    "reduction",
    "elementwise",
    "multi_statement",
    targets="n",
    gamma="n",
    nu="n",
    alpha="n",
    beta="n",
    raw={True: 3, False: 2},
    regulariser={"error": 4, "none": 1, "nig": 1},
    coefficient={0.01: 2, 0.1: 2, 0.2: 1},
    with_uncertainty={False: 3, True: 1},
    reduction={"mean": 4, "sum": 1, "none": 2},
    only="float32",
)
def evidential_regression(
    targets,
    gamma,
    nu,
    alpha,
    beta,
    *,
    raw=True,
    regulariser="error",
    coefficient=0.01,
    with_uncertainty=False,
    reduction="mean",
):
    """Loss of an evidential regression, with a normal-inverse-gamma posterior."""
    if raw:
        nu = jax.nn.softplus(nu) + 1e-3
        alpha = jax.nn.softplus(alpha) + 1.0
        beta = jax.nn.softplus(beta) + 1e-3
    else:
        nu = jnp.exp(nu)
        alpha = jnp.exp(alpha) + 1.0
        beta = jnp.exp(beta)
    error = targets - gamma
    omega = 2.0 * beta * (1.0 + nu)
    nll = 0.5 * jnp.log(jnp.pi / nu) - alpha * jnp.log(omega)
    nll = nll + (alpha + 0.5) * jnp.log(nu * jnp.square(error) + omega)
    nll = nll + jax.scipy.special.gammaln(alpha) - jax.scipy.special.gammaln(alpha + 0.5)
    if regulariser == "error":
        # Evidence for wrong predictions costs.
        evidence = 2.0 * nu + alpha
        nll = nll + coefficient * jnp.abs(error) * evidence
    elif regulariser == "nig":
        nll = nll + coefficient * jnp.square(error) * (nu + 2.0 * alpha) / beta
    if reduction == "mean":
        loss = jnp.mean(nll)
    elif reduction == "sum":
        loss = jnp.sum(nll)
    else:
        loss = nll
    if with_uncertainty:
        aleatoric = beta / (alpha - 1.0 + 1e-2)
        epistemic = aleatoric / nu
        return loss, aleatoric, epistemic
    return loss


@family(
    "reduction",
    logits="n c",
    labels="n int c",
    mask="? n bool",
    evidence={"softplus": 3, "relu": 1, "exp": 2},
    kind={"mse": 3, "digamma": 3, "log": 2},
    kl_weight={None: 2, 0.1: 2, 0.5: 1},
    with_uncertainty={False: 4, True: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"c": (4, 5, 6, 8), "n": (4, 5, 6, 8, 12)},
    only="float32",
)
def dirichlet_loss(
    logits,
    labels,
    mask=None,
    *,
    evidence="softplus",
    kind="mse",
    kl_weight=None,
    with_uncertainty=False,
    reduction="mean",
):
    """Loss of a classifier that predicts a Dirichlet distribution."""
    num_classes = logits.shape[-1]
    if evidence == "softplus":
        concentration = jax.nn.softplus(logits) + 1.0
    elif evidence == "relu":
        concentration = jax.nn.relu(logits) + 1.0
    else:
        concentration = jnp.exp(jnp.clip(logits, -10.0, 10.0)) + 1.0
    targets = jax.nn.one_hot(labels, num_classes, dtype=logits.dtype)
    strength = jnp.sum(concentration, axis=-1, keepdims=True)
    if kind == "mse":
        mean = concentration / strength
        var = mean * (1.0 - mean) / (strength + 1.0)
        loss = jnp.sum(jnp.square(targets - mean) + var, axis=-1)
    elif kind == "digamma":
        expected = jax.scipy.special.digamma(strength) - jax.scipy.special.digamma(concentration)
        loss = jnp.sum(targets * expected, axis=-1)
    else:
        loss = jnp.sum(targets * (jnp.log(strength) - jnp.log(concentration)), axis=-1)
    if kl_weight is not None:
        # Evidence for the wrong classes should vanish.
        wrong = targets + (1.0 - targets) * concentration
        total = jnp.sum(wrong, axis=-1)
        log_norm = jax.scipy.special.gammaln(total)
        log_norm = log_norm - jnp.sum(jax.scipy.special.gammaln(wrong), axis=-1)
        centred = jax.scipy.special.digamma(wrong) - jax.scipy.special.digamma(total)[:, None]
        loss = loss + kl_weight * (log_norm + jnp.sum((wrong - 1.0) * centred, axis=-1))
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        loss = jnp.mean(loss)
    elif reduction == "sum":
        loss = jnp.sum(loss)
    if with_uncertainty:
        return loss, num_classes / jnp.squeeze(strength, axis=-1)
    return loss


def kl_from_log_probs(log_p, log_q):
    """KL divergence of the second distribution from the first."""
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


@family(
    "reduction",
    p_logits="... n c in -3..3",
    q_logits="... n c in -3..3",
    mask="? ... n bool",
    kind={
        "forward": 3,
        "reverse": 2,
        "js": 3,
        "symmetric": 2,
        "hellinger": 1,
        "total_variation": 1,
        "chi2": 1,
        "renyi": 1,
        "bhattacharyya": 1,
        "alpha": 1,
    },
    temperature={1.0: 4, 2.0: 1, 0.5: 1},
    reduction={"mean": 3, "batchmean": 1, "none": 2},
    sizes={"c": (4, 5, 6, 8), "n": (4, 5, 6, 8)},
)
def divergence(p_logits, q_logits, mask=None, *, kind="forward", temperature=1.0, reduction="mean"):
    """Divergence between two categorical distributions that are given by logits."""
    if temperature != 1.0:
        p_logits = p_logits / temperature
        q_logits = q_logits / temperature
    log_p = jax.nn.log_softmax(p_logits, axis=-1)
    log_q = jax.nn.log_softmax(q_logits, axis=-1)
    if kind == "forward":
        value = kl_from_log_probs(log_p, log_q)
    elif kind == "reverse":
        value = kl_from_log_probs(log_q, log_p)
    elif kind == "js":
        log_m = jnp.logaddexp(log_p, log_q) - jnp.log(2.0)
        value = 0.5 * (kl_from_log_probs(log_p, log_m) + kl_from_log_probs(log_q, log_m))
    elif kind == "symmetric":
        value = jnp.sum((jnp.exp(log_p) - jnp.exp(log_q)) * (log_p - log_q), axis=-1)
    elif kind == "hellinger":
        value = 0.5 * jnp.sum(jnp.square(jnp.exp(0.5 * log_p) - jnp.exp(0.5 * log_q)), axis=-1)
    elif kind == "total_variation":
        value = 0.5 * jnp.sum(jnp.abs(jnp.exp(log_p) - jnp.exp(log_q)), axis=-1)
    elif kind == "chi2":
        value = jnp.sum(jnp.exp(2.0 * log_p - log_q), axis=-1) - 1.0
    elif kind == "renyi":
        value = jax.nn.logsumexp(2.0 * log_p - log_q, axis=-1)
    elif kind == "bhattacharyya":
        value = -jax.nn.logsumexp(0.5 * (log_p + log_q), axis=-1)
    else:
        # Amari's divergence with alpha = 0.3.
        value = (1.0 - jnp.sum(jnp.exp(0.3 * log_p + 0.7 * log_q), axis=-1)) / (0.3 * 0.7)
    if mask is not None:
        value = jnp.where(mask, value, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(value) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(value)
    elif reduction == "batchmean":
        return jnp.sum(value) / p_logits.shape[0]
    else:
        return value


def gaussian_kl(mean, log_var):
    """KL divergence of diagonal normal distributions from the standard one."""
    return 0.5 * (jnp.exp(log_var) + jnp.square(mean) - 1.0 - log_var)


def gaussian_kl_to_prior(mean, log_var, prior_mean, prior_log_var):
    """KL divergence of diagonal normal distributions from a prior."""
    difference = jnp.square(mean - prior_mean) + jnp.exp(log_var)
    return 0.5 * (prior_log_var - log_var + difference * jnp.exp(-prior_log_var) - 1.0)


@family(
    "reduction",
    x="n d in 0..1",
    reconstruction="n d",
    mean="n e",
    log_var="n e in -1.5..1.5",
    prior_mean="? e",
    prior_log_var="? e in -1..1",
    likelihood={"bernoulli": 4, "gaussian": 3, "laplace": 1},
    beta={0.5: 2, 4.0: 2, 0.1: 1},
    free_bits={None: 4, 0.1: 1, 0.25: 1},
    capacity={None: 5, 5.0: 1},
    with_parts={False: 3, True: 1},
    mean_over_pixels={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (8, 12, 16), "e": (2, 4, 5, 6)},
)
def elbo_loss(
    x,
    reconstruction,
    mean,
    log_var,
    prior_mean=None,
    prior_log_var=None,
    *,
    likelihood="bernoulli",
    beta=1.0,
    free_bits=None,
    capacity=None,
    with_parts=False,
    mean_over_pixels=False,
):
    """Loss of a variational autoencoder: reconstruction and divergence from the prior.

    Args:
        x: the data.
        reconstruction: the decoder's output for it.
        mean: mean of the posterior.
        log_var: log variance of the posterior.
        prior_mean: mean of the prior.
        prior_log_var: log variance of the prior.
        beta: weight of the divergence.
        free_bits: divergence that costs nothing, for each latent variable.
    """
    if likelihood == "bernoulli":
        nll = jax.nn.softplus(reconstruction) - x * reconstruction
    elif likelihood == "gaussian":
        nll = 0.5 * jnp.square(x - reconstruction)
    else:
        nll = jnp.abs(x - reconstruction)
    if mean_over_pixels:
        recon_loss = jnp.mean(nll)
    else:
        recon_loss = jnp.mean(jnp.sum(nll, axis=-1))
    if prior_mean is not None:
        if prior_log_var is not None:
            kl = gaussian_kl_to_prior(mean, log_var, prior_mean, prior_log_var)
        else:
            kl = gaussian_kl(mean - prior_mean, log_var)
    elif prior_log_var is not None:
        kl = gaussian_kl_to_prior(mean, log_var, 0.0, prior_log_var)
    else:
        kl = gaussian_kl(mean, log_var)
    if free_bits is not None:
        kl = jnp.maximum(jnp.mean(kl, axis=0), free_bits)
        kl_loss = jnp.sum(kl)
    else:
        kl_loss = jnp.mean(jnp.sum(kl, axis=-1))
    if capacity is not None:
        # Keep the divergence at a given amount.
        kl_term = beta * jnp.abs(kl_loss - capacity)
    else:
        kl_term = beta * kl_loss
    loss = recon_loss + kl_term
    if with_parts:
        return loss, recon_loss, kl_loss
    return loss


@family(
    "loop",
    "reduction",
    p="n k in 0.05..1",
    q="n k in 0.05..1",
    weights="? n in 0.2..2",
    power={1: 3, 2: 3},
    normalised={"sum": 3, "softmax": 2},
    circular={False: 4, True: 1},
    root={False: 3, True: 1},
    bin_width={None: 3, 0.5: 1, 0.1: 1},
    matrix={False: 4, True: 1},
    reduction={"mean": 3, "sum": 1, "none": 2},
    sizes={"k": (5, 6, 8, 10, 12), "n": (4, 5, 6, 8)},
)
def histogram_distance(
    p,
    q,
    weights=None,
    *,
    power=1,
    normalised="sum",
    circular=False,
    root=False,
    bin_width=None,
    matrix=False,
    reduction="mean",
):
    """Distance between histograms: between their cumulative distributions."""
    if normalised == "sum":
        p = p / jnp.sum(p, axis=-1, keepdims=True)
        q = q / jnp.sum(q, axis=-1, keepdims=True)
    else:
        p = jax.nn.softmax(p / 0.2, axis=-1)
        q = jax.nn.softmax(q / 0.2, axis=-1)
    if matrix:
        # A product with a triangular matrix sums up.
        upper = jnp.triu(jnp.ones((p.shape[-1], p.shape[-1]), dtype=p.dtype))
        difference = (p - q) @ upper
    else:
        difference = jnp.cumsum(p, axis=-1) - jnp.cumsum(q, axis=-1)
    if circular:
        # Any bin may be the first one.
        difference = difference - jnp.mean(difference, axis=-1, keepdims=True)
    if power == 1:
        distance = jnp.sum(jnp.abs(difference), axis=-1)
    else:
        distance = jnp.sum(jnp.square(difference), axis=-1)
    if bin_width is not None:
        distance = distance * bin_width
    if root:
        distance = jnp.sqrt(distance + 1e-8)
    if weights is not None:
        distance = distance * weights
    if reduction == "mean":
        return jnp.mean(distance)
    elif reduction == "sum":
        return jnp.sum(distance)
    else:
        return distance


# ---------------------------------------------------------------- representations


def l2_normalize(x, axis=-1, eps=1e-8):
    """Scales vectors to unit length."""
    return x / jnp.sqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=True) + eps)


@family(
    "reduction",
    queries="n d",
    keys="n d",
    negatives="? m d",
    logit_scale="? in 0..2",
    symmetric={False: 4, True: 4},
    normalise={True: 4, False: 1},
    temperature={0.1: 2, 0.07: 1, 0.5: 2, 0.2: 1},
    margin={None: 5, 0.2: 1},
    label_smoothing={0.0: 5, 0.1: 1},
    reduction={"mean": 4, "none": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8, 12), "m": (4, 5, 6, 8)},
    only="float32",
)
def contrastive_loss(
    queries,
    keys,
    negatives=None,
    logit_scale=None,
    *,
    symmetric=False,
    normalise=True,
    temperature=0.1,
    margin=None,
    label_smoothing=0.0,
    reduction="mean",
):
    """Contrastive loss of paired embeddings, with the other pairs as negatives.

    Args:
        queries: embeddings, one for each row.
        keys: the embeddings that belong to them.
        negatives: more embeddings that belong to none.
        logit_scale: log of the factor of the similarities.
    """
    if normalise:
        queries = l2_normalize(queries)
        keys = l2_normalize(keys)
        if negatives is not None:
            negatives = l2_normalize(negatives)
    n = queries.shape[0]
    similarity = queries @ keys.T
    if margin is not None:
        # The right pairs must win by a margin.
        similarity = similarity - margin * jnp.eye(n)
    if negatives is not None:
        similarity = jnp.concatenate([similarity, queries @ negatives.T], axis=1)
    if logit_scale is not None:
        similarity = similarity * jnp.exp(logit_scale)
    else:
        similarity = similarity / temperature
    log_probs = jax.nn.log_softmax(similarity, axis=1)
    loss = -jnp.diagonal(log_probs)
    if label_smoothing > 0:
        uniform = -jnp.mean(log_probs, axis=1)
        loss = (1.0 - label_smoothing) * loss + label_smoothing * uniform
    if symmetric:
        # The keys look for their queries, too.
        backward = -jnp.diagonal(jax.nn.log_softmax(similarity[:, :n], axis=0))
        loss = 0.5 * (loss + backward)
    if reduction == "mean":
        return jnp.mean(loss)
    else:
        return loss


@family(
    "reduction",
    queries="n d",
    keys="n d",
    log_scale="? in 0..2",
    bias="? in -3..0",
    weights="? n in 0.2..2",
    normalise={True: 4, False: 1},
    temperature={0.1: 2, 0.5: 2, 0.2: 1},
    signs={"eye": 3, "where": 2},
    focus={None: 4, 2.0: 1},
    reduction={"mean": 3, "per_query": 2, "all_pairs": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8, 12)},
    only="float32",
)
def sigmoid_contrastive_loss(
    queries,
    keys,
    log_scale=None,
    bias=None,
    weights=None,
    *,
    normalise=True,
    temperature=0.1,
    signs="eye",
    focus=None,
    reduction="mean",
):
    """Contrastive loss that decides for each pair by itself whether it belongs together."""
    if normalise:
        queries = l2_normalize(queries)
        keys = l2_normalize(keys)
    n = queries.shape[0]
    logits = queries @ keys.T
    if log_scale is not None:
        logits = logits * jnp.exp(log_scale)
    else:
        logits = logits / temperature
    if bias is not None:
        logits = logits + bias
    if signs == "eye":
        signed = (2.0 * jnp.eye(n) - 1.0) * logits
    else:
        signed = jnp.where(jnp.eye(n, dtype=bool), logits, -logits)
    loss = -jax.nn.log_sigmoid(signed)
    if focus is not None:
        # Pairs that are already right count less.
        loss = loss * jax.nn.sigmoid(-signed) ** focus
    if weights is not None:
        loss = loss * weights[:, None]
    if reduction == "all_pairs":
        return jnp.mean(loss)
    loss = jnp.sum(loss, axis=1)
    if reduction == "per_query":
        return loss
    return jnp.mean(loss)


@family(
    "reduction",
    z_a="n d",
    z_b="n d",
    weights="? n in 0.2..2",
    temperature={0.5: 3, 0.1: 1, 0.2: 1},
    positive={"roll": 2, "pair": 2, "mask": 1},
    decoupled={False: 3, True: 1},
    interleaved={False: 4, True: 1},
    with_similarity={False: 5, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8, 12)},
    only="float32",
)
def nt_xent(
    z_a,
    z_b,
    weights=None,
    *,
    temperature=0.5,
    positive="roll",
    decoupled=False,
    interleaved=False,
    with_similarity=False,
):
    """Normalised cross-entropy of two views of each example.

    Args:
        z_a: embeddings of the first views.
        z_b: embeddings of the second views.
        weights: a weight for each example.
        temperature: what similarities are divided by.
    """
    n = z_a.shape[0]
    if interleaved:
        z = jnp.stack([z_a, z_b], axis=1).reshape(2 * n, -1)
        partner = jnp.arange(2 * n) ^ 1
    else:
        z = jnp.concatenate([z_a, z_b], axis=0)
        if positive == "roll":
            partner = jnp.roll(jnp.arange(2 * n), n)
        else:
            partner = (jnp.arange(2 * n) + n) % (2 * n)
    z = l2_normalize(z)
    similarity = z @ z.T / temperature
    # Nothing is compared with itself.
    own = jnp.eye(2 * n, dtype=bool)
    similarity = jnp.where(own, -1e9, similarity)
    if positive == "mask":
        is_partner = jax.nn.one_hot(partner, 2 * n, dtype=bool)
        positives = jnp.sum(jnp.where(is_partner, similarity, 0.0), axis=1)
    else:
        positives = similarity[jnp.arange(2 * n), partner]
    if decoupled:
        # The positive pair isn't among those it competes with.
        others = jnp.where(jax.nn.one_hot(partner, 2 * n, dtype=bool), -1e9, similarity)
        loss = jax.nn.logsumexp(others, axis=1) - positives
    else:
        loss = jax.nn.logsumexp(similarity, axis=1) - positives
    if weights is not None:
        if interleaved:
            loss = loss * jnp.repeat(weights, 2)
        else:
            loss = loss * jnp.concatenate([weights, weights])
    if with_similarity:
        return jnp.mean(loss), jnp.mean(positives) * temperature
    return jnp.mean(loss)


@family(
    "reduction",
    embeddings="n d",
    labels="n int 3",
    weights="? n in 0.2..2",
    normalise={True: 4, False: 1},
    inside={False: 4, True: 1},
    temperature={0.1: 2, 0.5: 2, 0.07: 1},
    base={None: 3, 0.2: 1},
    reduction={"mean": 4, "none": 1},
    sizes={"n": (6, 8, 10, 12), "d": (4, 6, 8, 12)},
    only="float32",
)
def supervised_contrastive(
    embeddings,
    labels,
    weights=None,
    *,
    normalise=True,
    inside=False,
    temperature=0.1,
    base=None,
    reduction="mean",
):
    """Contrastive loss in which all examples of a class belong together."""
    if normalise:
        embeddings = embeddings / jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
    n = embeddings.shape[0]
    logits = embeddings @ embeddings.T / temperature
    logits = logits - jax.lax.stop_gradient(jnp.max(logits, axis=1, keepdims=True))
    not_self = 1.0 - jnp.eye(n)
    same = (labels[:, None] == labels[None, :]) * not_self
    count = jnp.maximum(jnp.sum(same, axis=1), 1.0)
    exp_logits = jnp.exp(logits) * not_self
    log_total = jnp.log(jnp.sum(exp_logits, axis=1) + 1e-9)
    if inside:
        share = jnp.sum(exp_logits * same, axis=1) / count
        loss = log_total - jnp.log(share + 1e-9)
    else:
        log_probs = logits - log_total[:, None]
        loss = -jnp.sum(same * log_probs, axis=1) / count
    if base is not None:
        loss = loss * (temperature / base)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    else:
        return loss


def pair_distance(a, b, metric="euclidean", eps=1e-8):
    """Distance of corresponding rows."""
    if metric == "cosine":
        dot = jnp.sum(a * b, axis=-1)
        norms = jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1)
        return 1.0 - dot / (norms + eps)
    squared = jnp.sum(jnp.square(a - b), axis=-1)
    if metric == "euclidean":
        return jnp.sqrt(squared + eps)
    return squared


@family(
    "reduction",
    anchor="n d",
    positive="n d",
    negative="n d",
    weights="? n in 0.2..2",
    metric={"euclidean": 4, "squared": 2, "cosine": 2},
    normalise={False: 3, True: 1},
    form={"hinge": 4, "softplus": 2, "ratio": 1},
    margin={1.0: 3, 0.2: 2, 0.5: 1},
    swap={False: 3, True: 1},
    with_active={False: 5, True: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 6, 8, 12), "d": (4, 6, 8, 12)},
)
def triplet_loss(
    anchor,
    positive,
    negative,
    weights=None,
    *,
    metric="euclidean",
    normalise=False,
    form="hinge",
    margin=1.0,
    swap=False,
    with_active=False,
    reduction="mean",
):
    """Triplet loss: anchors should be nearer to positives than to negatives.

    Args:
        anchor: embeddings of shape (n, d).
        positive: embeddings of the same classes.
        negative: embeddings of other classes.
        weights: a weight for each triplet.
        margin: by how much nearer.
        swap: whether the positive may take the anchor's place.
    """
    if normalise:
        anchor = l2_normalize(anchor)
        positive = l2_normalize(positive)
        negative = l2_normalize(negative)
    d_pos = pair_distance(anchor, positive, metric)
    d_neg = pair_distance(anchor, negative, metric)
    if swap:
        d_neg = jnp.minimum(d_neg, pair_distance(positive, negative, metric))
    if form == "hinge":
        loss = jax.nn.relu(d_pos - d_neg + margin)
    elif form == "softplus":
        loss = jax.nn.softplus(d_pos - d_neg)
    else:
        loss = d_pos / (d_neg + margin)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        loss = jnp.mean(loss)
    elif reduction == "sum":
        loss = jnp.sum(loss)
    if with_active:
        return loss, jnp.mean(d_neg - d_pos)
    return loss


@family(
    "reduction",
    embeddings="n d",
    labels="n int 3",
    squared={False: 2, True: 2},
    mining={"hard": 3, "all": 3, "semi_hard": 2},
    soft={False: 3, True: 1},
    margin={1.0: 2, 0.5: 1, 0.3: 1},
    normalise={False: 3, True: 1},
    expand=(False, True),
    sizes={"n": (6, 7, 8), "d": (4, 6, 8)},
    only="float32",
)
def batch_triplet_loss(
    embeddings,
    labels,
    *,
    squared=False,
    mining="hard",
    soft=False,
    margin=1.0,
    normalise=False,
    expand=True,
):
    """Triplet loss with the triplets of a batch."""
    if normalise:
        embeddings = l2_normalize(embeddings)
    if expand:
        products = embeddings @ embeddings.T
        norms = jnp.diagonal(products)
        distances = norms[:, None] + norms[None, :] - 2.0 * products
        distances = jnp.maximum(distances, 0.0)
    else:
        differences = embeddings[:, None, :] - embeddings[None, :, :]
        distances = jnp.sum(jnp.square(differences), axis=-1)
    if not squared:
        distances = jnp.sqrt(distances + 1e-6)
    same = labels[:, None] == labels[None, :]
    positive = same & ~jnp.eye(labels.shape[0], dtype=bool)
    if mining == "hard":
        # The farthest of the same class, and the nearest of the others.
        hardest_positive = jnp.max(jnp.where(positive, distances, 0.0), axis=1)
        hardest_negative = jnp.min(jnp.where(same, 1e3, distances), axis=1)
        gap = hardest_positive - hardest_negative
        if soft:
            return jnp.mean(jax.nn.softplus(gap))
        return jnp.mean(jax.nn.relu(gap + margin))
    gap = distances[:, :, None] - distances[:, None, :]
    triplets = positive[:, :, None] & ~same[:, None, :]
    if mining == "semi_hard":
        # Negatives that are farther than the positive, but not by the margin.
        triplets = triplets & (gap < 0) & (gap > -margin)
    if soft:
        loss = jax.nn.softplus(gap)
    else:
        loss = jax.nn.relu(gap + margin)
    loss = jnp.where(triplets, loss, 0.0)
    return jnp.sum(loss) / jnp.maximum(jnp.sum(triplets), 1)


@family(
    "reduction",
    x1="n d",
    x2="n d",
    same="n bool",
    weights="? n in 0.2..2",
    kind={"euclidean": 4, "cosine": 4, "logistic": 2},
    margin={0.2: 2, 0.5: 2, 0.1: 1},
    normalise={False: 3, True: 1},
    balanced={False: 3, True: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 6, 8, 12), "d": (4, 6, 8, 12)},
)
def pair_loss(
    x1,
    x2,
    same,
    weights=None,
    *,
    kind="euclidean",
    margin=1.0,
    normalise=False,
    balanced=False,
    reduction="mean",
):
    """Loss of pairs: the same should be near, others farther than a margin."""
    if normalise:
        x1 = l2_normalize(x1)
        x2 = l2_normalize(x2)
    if kind == "cosine":
        similarity = jnp.sum(x1 * x2, axis=-1) / (
            jnp.linalg.norm(x1, axis=-1) * jnp.linalg.norm(x2, axis=-1) + 1e-8
        )
        loss = jnp.where(same, 1.0 - similarity, jax.nn.relu(similarity - margin))
    elif kind == "euclidean":
        distance = jnp.sqrt(jnp.sum(jnp.square(x1 - x2), axis=-1) + 1e-8)
        attraction = 0.5 * jnp.square(distance)
        repulsion = 0.5 * jnp.square(jax.nn.relu(margin - distance))
        loss = jnp.where(same, attraction, repulsion)
    else:
        logits = margin - jnp.sum(jnp.square(x1 - x2), axis=-1)
        loss = jnp.where(same, jax.nn.softplus(-logits), jax.nn.softplus(logits))
    if balanced:
        # Both kinds of pairs count alike.
        share = jnp.clip(jnp.mean(same.astype(loss.dtype)), 0.1, 0.9)
        loss = loss * jnp.where(same, 0.5 / share, 0.5 / (1.0 - share))
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


def off_diagonal(matrix):
    """Sets the diagonal to zero."""
    return matrix - jnp.diag(jnp.diagonal(matrix))


@family(
    "reduction",
    z_a="n d",
    z_b="n d",
    kind={"barlow": 3, "vicreg": 4, "spectral": 2},
    centre={True: 3, False: 1},
    off_weight={0.005: 2, 0.01: 1},
    std_target={1.0: 3, 1.5: 1},
    with_parts={False: 4, True: 1},
    predictor="? d d in -0.7..0.7",
    sizes={"n": (6, 8, 10, 12), "d": (4, 5, 6, 8)},
    only="float32",
)
def redundancy_reduction(
    z_a,
    z_b,
    predictor=None,
    *,
    kind="vicreg",
    centre=True,
    off_weight=0.005,
    std_target=1.0,
    with_parts=False,
):
    """Loss of two views whose features should agree, and should not repeat each other."""
    n, d = z_a.shape
    if predictor is not None:
        z_a = z_a @ predictor
    if kind == "barlow":
        z_a = (z_a - jnp.mean(z_a, axis=0)) / (jnp.std(z_a, axis=0) + 1e-4)
        z_b = (z_b - jnp.mean(z_b, axis=0)) / (jnp.std(z_b, axis=0) + 1e-4)
        correlation = z_a.T @ z_b / n
        agreement = jnp.sum(jnp.square(1.0 - jnp.diagonal(correlation)))
        redundancy = jnp.sum(jnp.square(off_diagonal(correlation)))
        loss = agreement + off_weight * redundancy
    elif kind == "vicreg":
        agreement = jnp.mean(jnp.square(z_a - z_b))
        if centre:
            z_a = z_a - jnp.mean(z_a, axis=0)
            z_b = z_b - jnp.mean(z_b, axis=0)
        std_a = jnp.sqrt(jnp.var(z_a, axis=0) + 1e-4)
        std_b = jnp.sqrt(jnp.var(z_b, axis=0) + 1e-4)
        var_loss = jnp.mean(jax.nn.relu(std_target - std_a))
        var_loss = var_loss + jnp.mean(jax.nn.relu(std_target - std_b))
        cov_a = z_a.T @ z_a / (n - 1)
        cov_b = z_b.T @ z_b / (n - 1)
        redundancy = jnp.sum(jnp.square(off_diagonal(cov_a))) / d
        redundancy = redundancy + jnp.sum(jnp.square(off_diagonal(cov_b))) / d
        loss = 25.0 * agreement + 25.0 * var_loss + redundancy
    else:
        if centre:
            z_a = z_a - jnp.mean(z_a, axis=0)
            z_b = z_b - jnp.mean(z_b, axis=0)
        agreement = -2.0 * jnp.mean(jnp.sum(z_a * z_b, axis=-1))
        products = jnp.square(z_a @ z_b.T)
        redundancy = jnp.sum(off_diagonal(products)) / (n * (n - 1))
        loss = agreement + redundancy
    if with_parts:
        return loss, agreement, redundancy
    return loss


# ---------------------------------------------------------------- ranking


@family(
    "reduction",
    scores="n m",
    relevances="n m in 0..3",
    mask="? n m bool",
    kind={"logistic": 4, "hinge": 3, "exponential": 1, "squared_hinge": 1},
    lambda_weights={False: 3, True: 2},
    sigma={2.0: 2, 0.5: 1, 4.0: 1},
    gain={"difference": 2, "binary": 3},
    reduction={"mean": 3, "sum": 1, "per_list": 1},
    sizes={"n": (2, 3, 4), "m": (4, 5, 6, 7)},
    only="float32",
)
def pairwise_ranking_loss(
    scores,
    relevances,
    mask=None,
    *,
    kind="logistic",
    lambda_weights=False,
    sigma=1.0,
    gain="difference",
    reduction="mean",
):
    """Loss of the pairs in each list that are in the wrong order.

    Args:
        scores: of shape (lists, items).
        relevances: how relevant each item is.
        mask: which items there are.
        sigma: the steepness of the loss.
    """
    score_gap = sigma * (scores[:, :, None] - scores[:, None, :])
    relevance_gap = relevances[:, :, None] - relevances[:, None, :]
    # Only pairs count whose first item is more relevant.
    if gain == "difference":
        pair_weights = jax.nn.relu(relevance_gap)
    else:
        pair_weights = jax.nn.sigmoid(8.0 * relevance_gap)
    if mask is not None:
        pair_weights = pair_weights * (mask[:, :, None] & mask[:, None, :])
    if kind == "logistic":
        loss = jax.nn.softplus(-score_gap)
    elif kind == "hinge":
        loss = jax.nn.relu(1.0 - score_gap)
    elif kind == "exponential":
        loss = jnp.exp(-score_gap)
    else:
        loss = jnp.square(jax.nn.relu(1.0 - score_gap))
    if lambda_weights:
        # What a swap of the two would change.
        ranks = 1.0 + jnp.sum(scores[:, None, :] > scores[:, :, None], axis=-1)
        discounts = 1.0 / jnp.log2(1.0 + ranks)
        swap = jnp.abs(discounts[:, :, None] - discounts[:, None, :])
        pair_weights = pair_weights * swap
    loss = loss * pair_weights
    if reduction == "mean":
        return jnp.sum(loss) / (jnp.sum(pair_weights) + 1e-6)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return jnp.sum(loss, axis=(1, 2))


@family(
    "reduction",
    "loop",
    scores="n m",
    relevances="n m in 0..3",
    mask="? n m bool",
    weights="? n in 0.2..2",
    kind={"softmax": 3, "list_mle": 3, "list_kl": 2},
    temperature={1.0: 4, 0.5: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6), "m": (4, 5, 6, 8)},
    only="float32",
)
def listwise_ranking_loss(
    scores,
    relevances,
    mask=None,
    weights=None,
    *,
    kind="softmax",
    temperature=1.0,
    reduction="mean",
):
    """Loss of whole lists: how likely the right order is by the scores."""
    if temperature != 1.0:
        scores = scores / temperature
    if mask is not None:
        scores = jnp.where(mask, scores, -1e3)
        relevances = jnp.where(mask, relevances, 0.0)
    if kind == "softmax":
        log_probs = jax.nn.log_softmax(scores, axis=-1)
        total = jnp.sum(relevances, axis=-1) + 1e-6
        loss = -jnp.sum(relevances * log_probs, axis=-1) / total
    elif kind == "list_mle":
        # Each item in turn should win against those after it.
        order = jnp.argsort(-relevances, axis=-1)
        ordered = jnp.take_along_axis(scores, order, axis=-1)
        log_rest = lax.cumlogsumexp(ordered, axis=1, reverse=True)
        gains = jnp.take_along_axis(relevances, order, axis=-1) + 1.0
        loss = jnp.sum(gains * (log_rest - ordered), axis=-1)
    else:
        log_probs = jax.nn.log_softmax(scores, axis=-1)
        log_targets = jax.nn.log_softmax(relevances, axis=-1)
        loss = jnp.sum(jnp.exp(log_targets) * (log_targets - log_probs), axis=-1)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


def dcg(gains, top=None):
    """Discounted cumulative gain of lists in their order."""
    if top is not None:
        gains = gains[:, :top]
    discounts = 1.0 / jnp.log2(jnp.arange(gains.shape[-1]) + 2.0)
    return jnp.sum(gains * discounts, axis=-1)


@family(
    "reduction",
    scores="n m",
    relevances="n m in 0..3",
    mask="? n m bool",
    approximate={True: 3, False: 1},
    exponential=(True, False),
    top={None: 3, 3: 1},
    temperature={0.5: 2, 0.1: 1, 2.0: 1},
    negate=(False, True),
    reduction={"mean": 3, "none": 2},
    sizes={"n": (3, 4, 5, 6), "m": (4, 5, 6, 8)},
    only="float32",
)
def ndcg(
    scores,
    relevances,
    mask=None,
    *,
    approximate=True,
    exponential=True,
    top=None,
    temperature=1.0,
    negate=False,
    reduction="mean",
):
    """Normalised discounted cumulative gain, smooth in the scores."""
    if exponential:
        gains = 2.0**relevances - 1.0
    else:
        gains = relevances
    if mask is not None:
        scores = jnp.where(mask, scores, -50.0)
        gains = gains * mask
    gap = (scores[:, None, :] - scores[:, :, None]) / temperature
    if approximate:
        # The smooth number of items with a higher score.
        ranks = 0.5 + jnp.sum(jax.nn.sigmoid(gap), axis=-1)
        found = jnp.sum(gains / jnp.log2(1.0 + ranks), axis=-1)
    else:
        # A soft permutation of the items by their scores.
        spread = jnp.sum(jnp.abs(gap), axis=-1)
        m = scores.shape[-1]
        scaling = m + 1.0 - 2.0 * (jnp.arange(m) + 1.0)
        logits = scaling[None, :, None] * scores[:, None, :] - spread[:, None, :] * temperature
        permutation = jax.nn.softmax(logits / temperature, axis=-1)
        found = dcg(jnp.einsum("nij,nj->ni", permutation, gains), top)
    best = dcg(-jnp.sort(-gains, axis=-1), top)
    value = found / (best + 1e-6)
    if negate:
        value = 1.0 - value
    if reduction == "mean":
        return jnp.mean(value)
    else:
        return value


# ---------------------------------------------------------------- distillation and penalties


@family(
    "reduction",
    student_logits="n c in -3..3",
    teacher_logits="n c in -3..3",
    labels="n int c",
    weights="? n in 0.2..2",
    temperature={2.0: 3, 4.0: 2, 3.0: 1},
    alpha={0.5: 3, 0.9: 1, 0.1: 1},
    kind={"kl": 4, "mse": 1, "reverse_kl": 1, "cross_entropy": 1},
    centred_weight={None: 4, 0.1: 1},
    label_smoothing={0.0: 4, 0.1: 1},
    with_parts={False: 3, True: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6, 8)},
)
def distillation_loss(
    student_logits,
    teacher_logits,
    labels,
    weights=None,
    *,
    temperature=2.0,
    alpha=0.5,
    kind="kl",
    centred_weight=None,
    label_smoothing=0.0,
    with_parts=False,
    reduction="mean",
):
    """Loss of a student that learns from a teacher and from labels.

    Args:
        student_logits: of shape (n, classes).
        teacher_logits: of shape (n, classes).
        labels: the true classes.
        weights: a weight for each example.
        temperature: how much both distributions are softened.
        alpha: weight of the teacher.
    """
    num_classes = student_logits.shape[-1]
    targets = jax.nn.one_hot(labels, num_classes)
    if label_smoothing > 0:
        targets = smooth_labels(targets, label_smoothing)
    hard_loss = -jnp.sum(targets * jax.nn.log_softmax(student_logits, axis=-1), axis=-1)
    if kind == "mse":
        soft_loss = jnp.mean(jnp.square(student_logits - teacher_logits), axis=-1)
    else:
        log_student = jax.nn.log_softmax(student_logits / temperature, axis=-1)
        log_teacher = jax.nn.log_softmax(teacher_logits / temperature, axis=-1)
        if kind == "kl":
            soft_loss = kl_from_log_probs(log_teacher, log_student)
        elif kind == "reverse_kl":
            soft_loss = kl_from_log_probs(log_student, log_teacher)
        else:
            soft_loss = -jnp.sum(jnp.exp(log_teacher) * log_student, axis=-1)
        # Gradients shrink with the square of the temperature.
        soft_loss = soft_loss * (temperature * temperature)
    if centred_weight is not None:
        # Match the logits beside their mean, too.
        student_z = student_logits - jnp.mean(student_logits, axis=-1, keepdims=True)
        teacher_z = teacher_logits - jnp.mean(teacher_logits, axis=-1, keepdims=True)
        centred_loss = jnp.mean(jnp.square(student_z - teacher_z), axis=-1)
        soft_loss = soft_loss + centred_weight * centred_loss
    loss = alpha * soft_loss + (1.0 - alpha) * hard_loss
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        loss = jnp.mean(loss)
    elif reduction == "sum":
        loss = jnp.sum(loss)
    if with_parts:
        return loss, jnp.mean(hard_loss), jnp.mean(soft_loss)
    return loss


def l1_penalty(w, smooth=False):
    """Sum of absolute values."""
    if smooth:
        return jnp.sum(jnp.sqrt(jnp.square(w) + 1e-6))
    return jnp.sum(jnp.abs(w))


def l2_penalty(w):
    """Half the sum of squares."""
    return 0.5 * jnp.sum(jnp.square(w))


@family(
    "reduction",
    x="n d",
    y="n",
    w="d",
    b="? in -1..1",
    sample_weight="? n in 0.2..2",
    task={"squared": 3, "logistic": 3, "poisson": 2, "huber": 1, "hinge": 1},
    penalty={"l2": 3, "l1": 2, "elastic": 2, "none": 1, "fused": 1, "log": 1},
    smooth={False: 4, True: 1},
    strength={0.1: 2, 0.01: 2, 0.5: 1},
    l1_ratio={0.5: 2, 0.2: 1},
    sizes={"n": (6, 8, 10, 12, 16), "d": (4, 5, 6, 8)},
)
def penalised_regression(
    x,
    y,
    w,
    b=None,
    sample_weight=None,
    *,
    task="squared",
    penalty="l2",
    smooth=False,
    strength=0.1,
    l1_ratio=0.5,
):
    """Objective of a linear model: its loss on the data and a penalty of its coefficients.

    Args:
        x: features of shape (n, d).
        y: the targets; their sign is the class where the model classifies.
        w: the coefficients.
        b: the intercept, which isn't penalised.
        sample_weight: a weight for each row.
        strength: weight of the penalty.

    Returns:
        The objective, a scalar.
    """
    prediction = x @ w
    if b is not None:
        prediction = prediction + b
    if task == "squared":
        loss = 0.5 * jnp.square(prediction - y)
    elif task == "logistic":
        loss = jax.nn.softplus(-jnp.tanh(y) * prediction)
    elif task == "poisson":
        loss = jnp.exp(jnp.clip(prediction, -5.0, 5.0)) - jnp.abs(y) * prediction
    elif task == "huber":
        residual = jnp.abs(prediction - y)
        loss = jnp.where(residual <= 1.0, 0.5 * jnp.square(residual), residual - 0.5)
    else:
        loss = jax.nn.relu(1.0 - jnp.tanh(y) * prediction)
    if sample_weight is not None:
        data_loss = jnp.sum(sample_weight * loss) / jnp.sum(sample_weight)
    else:
        data_loss = jnp.mean(loss)
    if penalty == "l2":
        return data_loss + strength * l2_penalty(w)
    elif penalty == "l1":
        return data_loss + strength * l1_penalty(w, smooth)
    elif penalty == "elastic":
        mixed = l1_ratio * l1_penalty(w, smooth) + (1.0 - l1_ratio) * l2_penalty(w)
        return data_loss + strength * mixed
    elif penalty == "fused":
        # Neighbours should have similar coefficients.
        return data_loss + strength * (l1_penalty(w, smooth) + l1_penalty(w[1:] - w[:-1], smooth))
    elif penalty == "log":
        return data_loss + strength * jnp.sum(jnp.log1p(jnp.abs(w) / 0.1))
    else:
        return data_loss


@family(
    "reduction",
    "loop",
    w="n d",
    mask="? d bool",
    kind={
        "soft": 4,
        "double": 2,
        "coherence": 2,
        "off_diagonal": 2,
        "spectral": 2,
        "logdet_free": 1,
    },
    unit={False: 3, True: 2},
    rows={False: 3, True: 1},
    num_steps={3: 2, 5: 1},
    weight_decay={None: 3, 1e-2: 1},
    sizes={"n": (5, 6, 8, 10), "d": (4, 5, 6)},
    only="float32",
)
def orthogonality_penalty(
    w, mask=None, *, kind="soft", unit=False, rows=False, num_steps=3, weight_decay=None
):
    """Penalty of weights that are far from orthogonal."""
    if mask is not None:
        w = w * mask
    if unit:
        w = w / jnp.sqrt(jnp.sum(jnp.square(w), axis=0, keepdims=True) + 1e-6)
    if rows:
        gram = w @ w.T
    else:
        gram = w.T @ w
    size = gram.shape[0]
    if kind == "soft":
        penalty = jnp.sum(jnp.square(gram - jnp.eye(size)))
    elif kind == "double":
        other = w @ w.T
        penalty = jnp.sum(jnp.square(gram - jnp.eye(size)))
        penalty = penalty + jnp.sum(jnp.square(other - jnp.eye(other.shape[0])))
    elif kind == "coherence":
        # A smooth maximum of the correlations.
        penalty = jax.nn.logsumexp(jnp.abs(gram - jnp.eye(size)))
    elif kind == "off_diagonal":
        penalty = jnp.sum(jnp.square(off_diagonal(gram)))
    elif kind == "spectral":
        # The largest singular value of the defect, by power iteration.
        defect = gram - jnp.eye(size)
        v = jnp.ones(size) / jnp.sqrt(size)

        def step(_, v):
            u = defect @ v
            return u / (jnp.linalg.norm(u) + 1e-6)

        v = lax.fori_loop(0, num_steps, step, v)
        penalty = jnp.linalg.norm(defect @ v)
    else:
        penalty = jnp.mean(jnp.abs(gram - jnp.eye(size)))
    if weight_decay is not None:
        penalty = penalty + weight_decay * jnp.sum(jnp.square(w))
    return penalty


@family(
    "reduction",
    image="n m",
    guide="? n m",
    noisy="? n m",
    kind={"anisotropic": 3, "isotropic": 3, "squared": 2, "charbonnier": 1, "huber": 1},
    second_order={False: 4, True: 1},
    periodic={False: 3, True: 1},
    strength={0.1: 2, 0.5: 2, 0.2: 1},
    reduction={"sum": 3, "mean": 3},
    sizes={"n": (5, 6, 8, 10), "m": (5, 6, 8, 10)},
)
def total_variation(
    image,
    guide=None,
    noisy=None,
    *,
    kind="anisotropic",
    second_order=False,
    periodic=False,
    strength=0.1,
    reduction="sum",
):
    """Total variation of an image.

    Args:
        image: of shape (height, width).
        guide: an image whose edges may be edges here, too.
        noisy: the image that it should resemble.
        strength: weight of the variation beside the resemblance.
    """
    if periodic:
        dx = jnp.roll(image, -1, axis=1) - image
        dy = jnp.roll(image, -1, axis=0) - image
    else:
        dx = image[:-1, 1:] - image[:-1, :-1]
        dy = image[1:, :-1] - image[:-1, :-1]
    if guide is not None:
        # Changes cost less at the edges of the guide.
        if periodic:
            dx = dx * jnp.exp(-jnp.abs(jnp.roll(guide, -1, axis=1) - guide))
            dy = dy * jnp.exp(-jnp.abs(jnp.roll(guide, -1, axis=0) - guide))
        else:
            dx = dx * jnp.exp(-jnp.abs(guide[:-1, 1:] - guide[:-1, :-1]))
            dy = dy * jnp.exp(-jnp.abs(guide[1:, :-1] - guide[:-1, :-1]))
    if kind == "anisotropic":
        variation = jnp.abs(dx) + jnp.abs(dy)
    elif kind == "isotropic":
        variation = jnp.sqrt(jnp.square(dx) + jnp.square(dy) + 1e-6)
    elif kind == "squared":
        variation = jnp.square(dx) + jnp.square(dy)
    elif kind == "charbonnier":
        variation = jnp.sqrt(jnp.square(dx) + 1e-3) + jnp.sqrt(jnp.square(dy) + 1e-3)
    else:
        magnitude = jnp.sqrt(jnp.square(dx) + jnp.square(dy) + 1e-6)
        variation = jnp.where(magnitude < 1.0, 0.5 * jnp.square(magnitude), magnitude - 0.5)
    if reduction == "sum":
        value = jnp.sum(variation)
    else:
        value = jnp.mean(variation)
    if second_order:
        bend_x = image[:, 2:] - 2.0 * image[:, 1:-1] + image[:, :-2]
        bend_y = image[2:, :] - 2.0 * image[1:-1, :] + image[:-2, :]
        value = value + jnp.mean(jnp.abs(bend_x)) + jnp.mean(jnp.abs(bend_y))
    if noisy is not None:
        return 0.5 * jnp.sum(jnp.square(image - noisy)) + strength * value
    return value


@family(
    "reduction",
    real_logits="n",
    fake_logits="n",
    gradient_norms="? n in 0.1..3",
    kind={"non_saturating": 4, "hinge": 3, "least_squares": 2, "wasserstein": 1},
    relativistic={False: 4, True: 1},
    label_smoothing={None: 4, 0.9: 1},
    penalty={"two_sided": 3, "one_sided": 1, "zero_centred": 1},
    generator={True: 3, False: 2},
    drift={None: 4, 1e-3: 1},
    weight=6,
)
def gan_losses(
    real_logits,
    fake_logits,
    gradient_norms=None,
    *,
    kind="non_saturating",
    relativistic=False,
    label_smoothing=None,
    penalty="two_sided",
    generator=True,
    drift=None,
):
    """Losses of adversarial training, by the discriminator's outputs."""
    if relativistic:
        real = real_logits - jnp.mean(fake_logits)
        fake = fake_logits - jnp.mean(real_logits)
    else:
        real = real_logits
        fake = fake_logits
    if kind == "non_saturating":
        if label_smoothing is not None:
            # Real examples aren't quite real.
            real_loss = jax.nn.softplus(real) - label_smoothing * real
        else:
            real_loss = jax.nn.softplus(-real)
        d_loss = jnp.mean(real_loss) + jnp.mean(jax.nn.softplus(fake))
        g_loss = jnp.mean(jax.nn.softplus(-fake))
    elif kind == "hinge":
        d_loss = jnp.mean(jax.nn.relu(1.0 - real)) + jnp.mean(jax.nn.relu(1.0 + fake))
        g_loss = -jnp.mean(fake)
    elif kind == "least_squares":
        d_loss = 0.5 * jnp.mean(jnp.square(real - 1.0)) + 0.5 * jnp.mean(jnp.square(fake))
        g_loss = 0.5 * jnp.mean(jnp.square(fake - 1.0))
    else:
        d_loss = jnp.mean(fake) - jnp.mean(real)
        g_loss = -jnp.mean(fake)
    if gradient_norms is not None:
        if penalty == "two_sided":
            d_loss = d_loss + 10.0 * jnp.mean(jnp.square(gradient_norms - 1.0))
        elif penalty == "one_sided":
            d_loss = d_loss + 10.0 * jnp.mean(jnp.square(jax.nn.relu(gradient_norms - 1.0)))
        else:
            d_loss = d_loss + 5.0 * jnp.mean(jnp.square(gradient_norms))
    if drift is not None:
        d_loss = d_loss + drift * jnp.mean(jnp.square(real_logits))
    if generator:
        return d_loss, g_loss
    return d_loss


def denoise(x, time, w1, w2):
    """A small network that sees the noisy sample and its time."""
    hidden = jax.nn.silu(x @ w1 + time[:, None])
    return hidden @ w2


@family(
    "reduction",
    w1="d f in -0.7..0.7",
    w2="f d in -0.7..0.7",
    x0="n d",
    noise="n d",
    alphas_cumprod="t in 0.05..0.95",
    timesteps="n int t",
    mask="? n bool",
    target={"epsilon": 4, "x0": 2, "v": 2},
    weighting={"none": 3, "min_snr": 2, "snr": 1, "p2": 1},
    loss_type={"l2": 4, "l1": 1, "huber": 1},
    sample_loss={None: 4, 0.1: 1},
    reduction={"mean": 4, "none": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "f": (6, 8, 12), "t": (8, 10, 12)},
    only="float32",
)
def diffusion_loss(
    w1,
    w2,
    x0,
    noise,
    alphas_cumprod,
    timesteps,
    mask=None,
    *,
    target="epsilon",
    weighting="none",
    loss_type="l2",
    sample_loss=None,
    reduction="mean",
):
    """Training loss of a denoising diffusion model.

    Args:
        w1: the first layer of the denoiser.
        w2: its second layer.
        x0: the clean samples.
        noise: the noise that was added.
        alphas_cumprod: the share of the signal's variance at each time.
        timesteps: the time of each sample.
        mask: which samples count.
    """
    alpha_bar = alphas_cumprod[timesteps]
    signal = jnp.sqrt(alpha_bar)[:, None]
    sigma = jnp.sqrt(1.0 - alpha_bar)[:, None]
    snr = alpha_bar / (1.0 - alpha_bar)
    x_t = signal * x0 + sigma * noise
    prediction = denoise(x_t, timesteps / alphas_cumprod.shape[0], w1, w2)
    if target == "epsilon":
        error = prediction - noise
    elif target == "x0":
        error = prediction - x0
    else:
        error = prediction - (signal * noise - sigma * x0)
    if loss_type == "l2":
        loss = jnp.mean(jnp.square(error), axis=-1)
    elif loss_type == "l1":
        loss = jnp.mean(jnp.abs(error), axis=-1)
    else:
        loss = jnp.mean(jnp.sqrt(jnp.square(error) + 0.01) - 0.1, axis=-1)
    if weighting == "min_snr":
        if target == "epsilon":
            loss = loss * jnp.minimum(snr, 5.0) / snr
        elif target == "x0":
            loss = loss * jnp.minimum(snr, 5.0)
        else:
            loss = loss * jnp.minimum(snr, 5.0) / (snr + 1.0)
    elif weighting == "snr":
        loss = loss * snr
    elif weighting == "p2":
        loss = loss / (1.0 + snr)
    if sample_loss is not None:
        # Compare the clean samples that follow from the prediction, too.
        if target == "epsilon":
            denoised = (x_t - sigma * prediction) / signal
        elif target == "v":
            denoised = signal * x_t - sigma * prediction
        else:
            denoised = prediction
        loss = loss + sample_loss * jnp.mean(jnp.abs(denoised - x0), axis=-1)
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(loss)
    else:
        return loss
