"""Families: returns, targets, losses, policies and tables of reinforcement learning."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
inputs: inputs 7, xs 3
x: x 1
step_size: step_size 4, alpha 4, lr 3
discounted_returns: discounted_returns 5, compute_returns 4, discount_rewards 3, returns_to_go 2
generalized_advantages: generalized_advantages 2, compute_gae 5, gae 4, gae_advantages 2
lambda_returns: lambda_returns 5, lambda_return 3, td_lambda_returns 2, compute_lambda_values 1
n_step_returns: n_step_returns 5, nstep_returns 3, n_step_targets 3
vtrace: vtrace 4, vtrace_targets 3, v_trace 2
off_policy_targets: off_policy_targets 4, off_policy_q_targets 3, corrected_targets 1
ppo_loss: ppo_loss 7, ppo_objective 2, clipped_policy_loss 2
gaussian_ppo_loss: gaussian_ppo_loss 3, continuous_ppo_loss 3, ppo_loss 3
actor_critic_loss: actor_critic_loss 4, a2c_loss 5, a3c_loss 1
policy_gradient_loss: policy_gradient_loss 5, reinforce_loss 4, pg_loss 2
td_targets: td_targets 4, td_target 3, bellman_targets 3, q_targets 2
dqn_loss: dqn_loss 6, q_learning_loss 3, td_loss 2
categorical_td_loss: categorical_td_loss 3, c51_loss 5, categorical_loss 3, distributional_loss 1
quantile_td_loss: quantile_td_loss 3, qr_dqn_loss 4, quantile_huber_loss 3
squashed_actor_loss: squashed_actor_loss 2, sac_actor_loss 5, actor_loss 3, policy_loss 2
soft_critic_loss: soft_critic_loss 2, critic_loss 5, twin_critic_loss 3
soft_update: soft_update 5, polyak_update 4, target_update 3, update_target 2
target_params: target_params 5, target 3, target_net 1
online_params: online_params 5, online 3, params 2
update_target_layer: update_target_layer 3, soft_update 4, polyak_average 3
policy_value: policy_value 3, expected_value 3, state_value 3
ucb_scores: ucb_scores 5, ucb 3, upper_confidence_bounds 2
boltzmann_policy: boltzmann_policy 4, softmax_policy 4, action_log_probs 2, policy_log_probs 1
value_iteration: value_iteration 6, bellman_iteration 2, solve_mdp 1
td_lambda: td_lambda 2, td_prediction 3, td_learning 3
linear_td: linear_td 5, linear_value_learning 2
q_learning: q_learning 4, tabular_q_learning 3, run_q_learning 2
gradient_bandit: gradient_bandit 4, run_gradient_bandit 2
sarsa: sarsa 4, tabular_sarsa 2, run_sarsa 1
bandit_log_likelihood: bandit_log_likelihood 4, choice_log_likelihood 3
puct_scores: puct_scores 4, puct 4
preference_loss: preference_loss 4, dpo_loss 6, direct_preference_loss 1
group_policy_loss: group_policy_loss 2, grpo_loss 6, grpo_objective 1
implicit_q_loss: implicit_q_loss 3, iql_loss 5, offline_value_loss 2
conservative_loss: cql_loss 6, conservative_q_loss 2
normalize_observations: normalize_observations 4, normalize_obs 3, running_normalize 2
rewards: rewards 8, reward 1, r 1
dones: dones 6, done 2, terminals 2, terminated 1
values: values 8, v 1, value_preds 1
next_values: next_values 6, v_next 2, values_next 1
discounts: discounts 6, discount 2, gammas 1
gamma: gamma 8, discount_factor 2
lam: lam 6, lambda_ 3, gae_lambda 2
deltas: deltas 6, td_errors 4, delta 1
advantages: advantages 7, advantage 2, adv 3
returns: returns 8, ret 1, targets 1
bootstrap: bootstrap 3, bootstrap_value 4, last_value 4
last_value: last_value 6, bootstrap_value 4, next_value 2
log_probs: log_probs 7, logp 3, log_pi 1
old_log_probs: old_log_probs 6, old_logp 3, logp_old 2
ratio: ratio 7, ratios 2
clip_eps: clip_eps 4, clip_epsilon 2, clip_ratio 3, eps_clip 1
entropy: entropy 8, ent 1
entropy_coef: entropy_coef 5, ent_coef 4, entropy_weight 1
value_coef: value_coef 4, vf_coef 4, critic_coef 1
value_loss: value_loss 6, vf_loss 2, critic_loss 2
policy_loss: policy_loss 6, pg_loss 3, actor_loss 2
actions: actions 8, action 1, a 1
q_values: q_values 6, q 4, qvals 1
states: states 5, obs 4, observations 2
next_states: next_states 5, next_obs 4, next_observations 2
td_error: td_error 6, td_errors 2, delta 2
target: target 5, targets 2, y 2
tau: tau 7, polyak 1
epsilon: epsilon 1
temperature: temperature 6, temp 2
counts: counts 5, visits 3, n_visits 1
transitions: transitions 4, P 1, transition_probs 2
probs: probs 6, pi 2, policy 1, p 1
alpha: alpha 7, entropy_coef 2
carry: carry 7, acc 1, running 1
num_updates: num_updates 4, step 3, t 1, steps 1
step: step 5, body 3, scan_fn 2, step_fn 1
"""


# ---------------------------------------------------------------- returns


@family(
    "loop",
    rewards="t ...",
    dones="? t ... bool",
    bootstrap="? ...",
    gamma={0.99: 4, 0.95: 2, 0.9: 2, 0.97: 1},
    method={"scan": 4, "associative": 2, "fori": 2},
    scale={False: 4, True: 1},
    sizes={"t": (4, 5, 6, 8, 10, 12), "b": (2, 4, 4)},
)
def discounted_returns(
    rewards,
    dones=None,
    bootstrap=None,
    *,
    gamma=0.99,
    method="scan",
    scale=False,
):
    """Discounted sum of the rewards from each time step on.

    Args:
        rewards: rewards, with time as the leading axis.
        dones: True where the step ended its episode.
        bootstrap: value estimate of the state after the last step.
        gamma: discount factor.
    """
    discounts = jnp.full_like(rewards, gamma)
    if dones is not None:
        # Nothing flows back over the end of an episode.
        discounts = discounts * (1.0 - dones)
    if bootstrap is not None:
        init = bootstrap
    else:
        init = jnp.zeros_like(rewards[0])
    if method == "scan":

        def step(carry, inputs):
            reward, discount = inputs
            carry = reward + discount * carry
            return carry, carry

        _, returns = lax.scan(step, init, (rewards, discounts), reverse=True)
    elif method == "associative":
        # Put the value after the end into the last reward.
        rewards = rewards.at[-1].add(discounts[-1] * init)

        def combine(late, early):
            late_discount, late_return = late
            discount, reward = early
            return discount * late_discount, reward + discount * late_return

        _, returns = lax.associative_scan(combine, (discounts, rewards), reverse=True)
    else:
        length = rewards.shape[0]

        def body(i, state):
            carry, returns = state
            time = length - 1 - i
            carry = rewards[time] + discounts[time] * carry
            return carry, returns.at[time].set(carry)

        _, returns = lax.fori_loop(0, length, body, (init, jnp.zeros_like(rewards)))
    if scale:
        # To unit standard deviation.
        returns = returns / (jnp.std(returns) + 1e-5)
    return returns


def normalise_advantages(advantages, eps=1e-5):
    """Shift and scale advantages to mean zero and standard deviation one."""
    return (advantages - jnp.mean(advantages)) / (jnp.std(advantages) + eps)


@family(
    "loop",
    rewards="t ...",
    values="t ...",
    last_value="...",
    dones="? t ... bool",
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    lam={0.95: 4, 0.9: 2, 0.8: 1, 0.97: 1},
    carry_value={False: 3, True: 2},
    normalise={False: 2, True: 2},
    with_targets={True: 3, False: 2},
    associative={False: 4, True: 1},
    sizes={"t": (4, 5, 6, 8, 10, 12), "b": (2, 4, 4)},
)
def generalized_advantages(
    rewards,
    values,
    last_value,
    dones=None,
    *,
    gamma=0.99,
    lam=0.95,
    carry_value=False,
    normalise=False,
    with_targets=True,
    associative=False,
):
    """Generalised advantage estimation (GAE).

    Args:
        rewards: rewards, with time as the leading axis.
        values: value estimates of the states, of the same shape.
        last_value: value estimate of the state after the last step.
        dones: True where the step ended its episode.
        gamma: discount factor.
        lam: decay of the exponential average over n-step advantages.
    """
    discounts = jnp.full_like(rewards, gamma)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    if carry_value:

        def step(carry, inputs):
            advantage, next_value = carry
            reward, value, discount = inputs
            delta = reward + discount * next_value - value
            advantage = delta + discount * lam * advantage
            return (advantage, value), advantage

        init = (jnp.zeros_like(last_value), last_value)
        _, advantages = lax.scan(step, init, (rewards, values, discounts), reverse=True)
    else:
        next_values = jnp.concatenate([values[1:], last_value[None]], axis=0)
        deltas = rewards + discounts * next_values - values
        if associative:

            def combine(late, early):
                return early[0] * late[0], early[1] + early[0] * late[1]

            _, advantages = lax.associative_scan(combine, (lam * discounts, deltas), reverse=True)
        else:

            def step(advantage, inputs):
                delta, discount = inputs
                advantage = delta + discount * lam * advantage
                return advantage, advantage

            init = jnp.zeros_like(last_value)
            _, advantages = lax.scan(step, init, (deltas, discounts), reverse=True)
    if with_targets:
        targets = advantages + values
        if normalise:
            advantages = normalise_advantages(advantages)
        return advantages, targets
    return advantages


@family(
    "loop",
    rewards="t ...",
    values="t ...",
    bootstrap="...",
    continues="? t ... in 0.5..1",
    dones="? t ... bool",
    gamma={0.99: 4, 0.997: 1, 0.95: 2, 0.9: 1},
    lam={0.95: 4, 0.9: 2, 0.8: 1},
    form={"blend": 3, "target": 2, "associative": 2},
    sizes={"t": (4, 5, 6, 8, 10, 12), "b": (2, 4, 4)},
)
def lambda_returns(
    rewards,
    values,
    bootstrap,
    continues=None,
    dones=None,
    *,
    gamma=0.99,
    lam=0.95,
    form="blend",
):
    """TD(lambda) returns: an exponential average of the n-step returns.

    Args:
        rewards: rewards, with time as the leading axis.
        values: value estimates of the states that follow each step.
        bootstrap: value estimate after the last step.
        continues: predicted probability that the episode goes on.
        dones: True where the step ended its episode.
        gamma: discount factor.
        lam: weight of the longer returns.
    """
    if continues is not None:
        discounts = gamma * continues
    else:
        discounts = gamma * jnp.ones_like(rewards)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    if form == "blend":

        def step(carry, inputs):
            reward, value, discount = inputs
            carry = reward + discount * ((1.0 - lam) * value + lam * carry)
            return carry, carry

        _, returns = lax.scan(step, bootstrap, (rewards, values, discounts), reverse=True)
    elif form == "associative":
        rewards = rewards + (1.0 - lam) * discounts * values
        decays = lam * discounts
        rewards = rewards.at[-1].add(decays[-1] * bootstrap)

        def combine(late, early):
            return early[0] * late[0], early[1] + early[0] * late[1]

        _, returns = lax.associative_scan(combine, (decays, rewards), reverse=True)
    else:
        targets = rewards + (1.0 - lam) * discounts * values

        def step(carry, inputs):
            target, discount = inputs
            carry = target + lam * discount * carry
            return carry, carry

        _, returns = lax.scan(step, bootstrap, (targets, discounts), reverse=True)
    return returns


@family(
    "elementwise",
    "loop",
    "reduction",
    rewards="b t",
    values="b t",
    dones="? b t bool",
    n={2: 2, 3: 3, 5: 2},
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    method={"loop": 3, "windows": 2},
    pad={"zeros": 2, "last": 1},
    sizes={"b": (2, 3, 4), "t": (6, 8, 10, 12)},
)
def n_step_returns(
    rewards,
    values,
    dones=None,
    *,
    n=3,
    gamma=0.99,
    method="loop",
    pad="zeros",
):
    """N-step returns, bootstrapped with the value of the state n steps ahead.

    Args:
        rewards: rewards of shape (batch, time).
        values: value estimates of the states, of the same shape.
        dones: True where the step ended its episode.
        n: number of rewards in a return.
        gamma: discount factor.
    """
    b, t = rewards.shape
    if dones is not None:
        alive = 1.0 - dones.astype(rewards.dtype)
    else:
        alive = jnp.ones_like(rewards)
    zeros = jnp.zeros((b, n), dtype=rewards.dtype)
    if pad == "last":
        next_values = jnp.concatenate([values, jnp.repeat(values[:, -1:], n, axis=1)], axis=1)
    else:
        next_values = jnp.concatenate([values, zeros], axis=1)
    rewards = jnp.concatenate([rewards, zeros], axis=1)
    alive = jnp.concatenate([alive, jnp.ones_like(zeros)], axis=1)
    if method == "loop":
        returns = next_values[:, n : n + t]
        for i in reversed(range(n)):
            returns = rewards[:, i : i + t] + gamma * alive[:, i : i + t] * returns
    else:
        # Windows of n steps, of shape (t, n).
        index = jnp.arange(t)[:, None] + jnp.arange(n)[None, :]
        survival = jnp.cumprod(gamma * alive[:, index], axis=-1)
        worth = jnp.concatenate([jnp.ones_like(survival[..., :1]), survival[..., :-1]], axis=-1)
        returns = jnp.sum(rewards[:, index] * worth, axis=-1)
        returns = returns + survival[..., -1] * next_values[:, n : n + t]
    return returns


@family(
    "loop",
    behaviour_log_probs="t ... in -2..-0.2",
    target_log_probs="t ... in -2..-0.2",
    rewards="t ...",
    values="t ...",
    bootstrap="...",
    dones="? t ... bool",
    gamma={0.99: 4, 0.95: 2},
    lam={1.0: 3, 0.95: 1, 0.9: 1},
    clip_rho={1.0: 4, 2.0: 1},
    clip_c={1.0: 4, 0.9: 1},
    with_advantages={True: 3, False: 2},
    sizes={"t": (4, 5, 6, 8, 10), "b": (2, 4, 4)},
)
def vtrace(
    behaviour_log_probs,
    target_log_probs,
    rewards,
    values,
    bootstrap,
    dones=None,
    *,
    gamma=0.99,
    lam=1.0,
    clip_rho=1.0,
    clip_c=1.0,
    with_advantages=True,
):
    """V-trace targets for an off-policy actor-critic.

    Args:
        behaviour_log_probs: log-probabilities of the actions under the policy that took them.
        target_log_probs: log-probabilities of the actions under the policy that is learnt.
        rewards: rewards, with time as the leading axis.
        values: value estimates of the states.
        bootstrap: value estimate of the state after the last step.
        dones: True where the step ended its episode.
        gamma: discount factor.
    """
    rhos = jnp.exp(target_log_probs - behaviour_log_probs)
    clipped_rhos = jnp.minimum(rhos, clip_rho)
    cs = jnp.minimum(rhos, clip_c)
    if lam != 1.0:
        cs = lam * cs
    discounts = jnp.full_like(rewards, gamma)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    next_values = jnp.concatenate([values[1:], bootstrap[None]], axis=0)
    deltas = clipped_rhos * (rewards + discounts * next_values - values)

    def step(carry, inputs):
        delta, discount, c = inputs
        carry = delta + discount * c * carry
        return carry, carry

    init = jnp.zeros_like(bootstrap)
    _, corrections = lax.scan(step, init, (deltas, discounts, cs), reverse=True)
    targets = values + corrections
    if with_advantages:
        # Advantages for the policy gradient use the target of the next step.
        next_targets = jnp.concatenate([targets[1:], bootstrap[None]], axis=0)
        advantages = clipped_rhos * (rewards + discounts * next_targets - values)
        return targets, advantages
    return targets


@family(
    "loop",
    q_values="t c",
    actions="t int c",
    target_log_probs="t in -2..-0.2",
    rewards="t",
    next_values="t",
    behaviour_log_probs="? t in -2..-0.2",
    dones="? t bool",
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    lam={0.95: 3, 0.9: 2},
    truncate={True: 4, False: 1},
    one_hot={False: 3, True: 1},
    loop={"scan": 3, "fori": 1},
    sizes={"t": (4, 5, 6, 8, 10), "c": (4, 5, 6)},
)
def off_policy_targets(
    q_values,
    actions,
    target_log_probs,
    rewards,
    next_values,
    behaviour_log_probs=None,
    dones=None,
    *,
    gamma=0.99,
    lam=0.95,
    truncate=True,
    one_hot=False,
    loop="scan",
):
    """Multi-step off-policy targets for the values of the actions taken.

    Args:
        q_values: action values of shape (time, actions).
        actions: index of the action taken at each step.
        target_log_probs: log-probability of that action under the target policy.
        rewards: reward of each step.
        next_values: expected action value of the next state under the target policy.
        behaviour_log_probs: log-probability of the action under the policy that took it.
        dones: True where the step ended its episode.
        gamma: discount factor.
        lam: decay of the traces.
    """
    if one_hot:
        chosen = jax.nn.one_hot(actions, q_values.shape[-1], dtype=q_values.dtype)
        q_taken = jnp.sum(q_values * chosen, axis=-1)
    else:
        q_taken = jnp.take_along_axis(q_values, actions[:, None], axis=1)[:, 0]
    if behaviour_log_probs is None:
        # Tree backup: the trace is cut by the target policy's own probability.
        traces = lam * jnp.exp(target_log_probs)
    elif truncate:
        # Retrace: truncated importance sampling ratios.
        traces = lam * jnp.minimum(1.0, jnp.exp(target_log_probs - behaviour_log_probs))
    else:
        traces = lam * jnp.exp(target_log_probs - behaviour_log_probs)
    discounts = gamma * jnp.ones_like(rewards)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    deltas = rewards + discounts * next_values - q_taken
    # The error of the next step is weighted by the trace of the next action.
    decays = discounts * jnp.append(traces[1:], 0.0)
    if loop == "fori":
        length = rewards.shape[0]

        def body(i, state):
            carry, errors = state
            t = length - 1 - i
            carry = deltas[t] + decays[t] * carry
            return carry, errors.at[t].set(carry)

        init = (jnp.zeros((), dtype=deltas.dtype), jnp.zeros_like(deltas))
        _, errors = lax.fori_loop(0, length, body, init)
    else:

        def step(carry, inputs):
            delta, decay = inputs
            carry = delta + decay * carry
            return carry, carry

        init = jnp.zeros((), dtype=rewards.dtype)
        _, errors = lax.scan(step, init, (deltas, decays), reverse=True)
    return q_taken + errors


def huber(x, delta=1.0):
    """Huber loss of an error."""
    abs_x = jnp.abs(x)
    quadratic = jnp.minimum(abs_x, delta)
    return 0.5 * jnp.square(quadratic) + delta * (abs_x - quadratic)


# ---------------------------------------------------------------- policy gradients


def categorical_entropy(logits):
    """Entropy of the categorical distributions with these logits."""
    log_p = jax.nn.log_softmax(logits, axis=-1)
    return -jnp.sum(jnp.exp(log_p) * log_p, axis=-1)


def masked_mean(x, mask=None):
    """Mean over the samples that count."""
    if mask is None:
        return jnp.mean(x)
    mask = mask.astype(x.dtype)
    return jnp.sum(x * mask) / jnp.maximum(jnp.sum(mask), 1.0)


@family(
    "reduction",
    logits="n c in -2..2",
    actions="n int c",
    old_log_probs="n in -2.5..-0.5",
    advantages="n",
    values="n",
    returns="n",
    old_values="? n",
    mask="? n bool",
    clip_eps={0.2: 4, 0.1: 1, 0.3: 1},
    normalise={True: 3, False: 2},
    dual_clip={None: 5, 3.0: 1},
    entropy_coef={0.01: 3, 0.001: 1, 0.05: 1},
    value_coef={0.5: 4, 0.25: 1},
    with_metrics={False: 3, True: 2},
    sizes={"n": (4, 5, 6, 8, 12), "c": (4, 5, 6)},
    weight=14,
)
def ppo_loss(
    logits,
    actions,
    old_log_probs,
    advantages,
    values,
    returns,
    old_values=None,
    mask=None,
    *,
    clip_eps=0.2,
    normalise=True,
    dual_clip=None,
    entropy_coef=0.01,
    value_coef=0.5,
    with_metrics=False,
):
    """Clipped surrogate loss of proximal policy optimisation (PPO), with value and entropy terms.

    Args:
        logits: action logits of shape (batch, actions).
        actions: index of the action taken in each state.
        old_log_probs: log-probabilities of the actions under the policy that took them.
        advantages: advantage estimates of the actions.
        values: value estimates of the states.
        returns: regression targets of the values.
        old_values: value estimates at the time of the rollout, for value clipping.
        mask: True for the samples that count.
        clip_eps: clipping range of the probability ratio.
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    log_prob = jnp.take_along_axis(log_probs, actions[:, None], axis=-1)[:, 0]
    ratio = jnp.exp(log_prob - old_log_probs)
    if normalise:
        advantages = normalise_advantages(advantages)
    clipped_ratio = jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_eps)
    objective = jnp.minimum(ratio * advantages, clipped_ratio * advantages)
    if dual_clip is not None:
        # Dual clipping bounds the loss where the advantage is negative.
        bound = jnp.maximum(objective, dual_clip * advantages)
        objective = jnp.where(advantages < 0, bound, objective)
    value_loss = 0.5 * jnp.square(values - returns)
    if old_values is not None:
        clipped = old_values + jnp.clip(values - old_values, -clip_eps, clip_eps)
        value_loss = jnp.maximum(value_loss, 0.5 * jnp.square(clipped - returns))
    entropy = categorical_entropy(logits)
    policy_loss = -masked_mean(objective, mask)
    value_loss = masked_mean(value_loss, mask)
    entropy = masked_mean(entropy, mask)
    loss = policy_loss + value_coef * value_loss - entropy_coef * entropy
    if with_metrics:
        return loss, policy_loss, value_loss, entropy
    return loss


def gaussian_log_prob(x, mean, log_std):
    """Log-density of a diagonal Gaussian."""
    z = (x - mean) * jnp.exp(-log_std)
    return jnp.sum(-0.5 * jnp.square(z) - log_std - 0.5 * jnp.log(2.0 * jnp.pi), axis=-1)


@family(
    "reduction",
    states="n d",
    w_mean="d k in -0.5..0.5",
    log_std="k in -0.5..0.5",
    actions="n k in -1..1",
    old_log_probs="n in -4..-2",
    w_value="d in -0.5..0.5",
    returns="n",
    advantages="? n",
    clip_eps={0.2: 4, 0.1: 1, 0.3: 1},
    objective={"clip": 4, "kl_penalty": 1},
    normalise={True: 2, False: 2},
    entropy_coef={None: 2, 0.01: 2, 0.001: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "k": (2, 4)},
    only="float32",
)
def gaussian_ppo_loss(
    states,
    w_mean,
    log_std,
    actions,
    old_log_probs,
    w_value,
    returns,
    advantages=None,
    *,
    clip_eps=0.2,
    objective="clip",
    normalise=True,
    entropy_coef=None,
):
    """Loss of PPO for continuous actions, with a linear Gaussian policy and linear values.

    Args:
        states: features of shape (batch, features).
        w_mean: weights of the policy's mean, of shape (features, action dimensions).
        log_std: log standard deviation of each action dimension.
        actions: actions taken, of shape (batch, action dimensions).
        old_log_probs: log-densities of the actions under the policy that took them.
        w_value: weights of the value function.
        returns: regression targets of the values.
        advantages: advantage estimates; by default the returns less the values.
        clip_eps: clipping range of the probability ratio.
    """
    mean = states @ w_mean
    log_probs = gaussian_log_prob(actions, mean, log_std)
    log_ratio = log_probs - old_log_probs
    ratio = jnp.exp(log_ratio)
    values = states @ w_value
    value_loss = 0.5 * jnp.mean(jnp.square(values - returns))
    if advantages is None:
        advantages = returns - lax.stop_gradient(values)
    if normalise:
        advantages = normalise_advantages(advantages)
    if objective == "clip":
        clipped = jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_eps)
        policy_loss = -jnp.mean(jnp.minimum(ratio * advantages, clipped * advantages))
    else:
        approx_kl = ratio - 1.0 - log_ratio
        policy_loss = -jnp.mean(ratio * advantages) + 0.5 * jnp.mean(approx_kl)
    loss = policy_loss + 0.5 * value_loss
    if entropy_coef is not None:
        entropy = jnp.sum(log_std + 0.5 * jnp.log(2.0 * jnp.pi * jnp.e))
        loss = loss - entropy_coef * entropy
    return loss


@family(
    "loop",
    logits="t c in -2..2",
    actions="t int c",
    rewards="t",
    values="t",
    bootstrap="",
    dones="? t bool",
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    estimate={"returns": 3, "gae": 3},
    normalise={False: 3, True: 1},
    entropy_coef={0.01: 3, 0.001: 1, 0.05: 1},
    with_parts={False: 3, True: 1},
    reduction={"mean": 3, "sum": 1},
    sizes={"t": (4, 5, 6, 8, 10), "c": (4, 5, 6)},
)
def actor_critic_loss(
    logits,
    actions,
    rewards,
    values,
    bootstrap,
    dones=None,
    *,
    gamma=0.99,
    estimate="returns",
    normalise=False,
    entropy_coef=0.01,
    with_parts=False,
    reduction="mean",
):
    """Advantage actor-critic (A2C) loss on one trajectory.

    Args:
        logits: action logits of shape (time, actions).
        actions: index of the action taken at each step.
        rewards: reward of each step.
        values: value estimates of the states.
        bootstrap: value estimate of the state after the last step.
        dones: True where the step ended its episode.
        gamma: discount factor.
    """
    discounts = gamma * jnp.ones_like(rewards)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    if estimate == "gae":
        next_values = jnp.append(values[1:], bootstrap)
        deltas = rewards + discounts * next_values - values

        def step(carry, inputs):
            delta, discount = inputs
            carry = delta + 0.95 * discount * carry
            return carry, carry

        _, advantages = lax.scan(step, jnp.zeros_like(bootstrap), (deltas, discounts), reverse=True)
    else:

        def step(carry, inputs):
            reward, discount = inputs
            carry = reward + discount * carry
            return carry, carry

        _, returns = lax.scan(step, bootstrap, (rewards, discounts), reverse=True)
        advantages = returns - values
    value_loss = 0.5 * jnp.square(advantages)
    # The policy loss sends no gradient to the critic.
    weights = lax.stop_gradient(advantages)
    if normalise:
        weights = normalise_advantages(weights)
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    taken = jnp.take_along_axis(log_probs, actions[:, None], axis=-1).squeeze(-1)
    policy_loss = -taken * weights
    entropy = categorical_entropy(logits)
    if reduction == "mean":
        policy_loss = jnp.mean(policy_loss)
        value_loss = jnp.mean(value_loss)
        entropy = jnp.mean(entropy)
    else:
        policy_loss = jnp.sum(policy_loss)
        value_loss = jnp.sum(value_loss)
        entropy = jnp.sum(entropy)
    loss = policy_loss + 0.5 * value_loss - entropy_coef * entropy
    if with_parts:
        return loss, policy_loss, value_loss
    return loss


@family(
    "reduction",
    logits="... n c in -2..2",
    actions="... n int c",
    returns="... n",
    baseline="? ... n",
    mask="? ... n bool",
    centre={None: 3, "mean": 1, "leave_one_out": 1},
    entropy_coef={None: 2, 0.01: 2, 0.1: 1},
    one_hot={False: 2, True: 2},
    reduction={"mean": 3, "sum": 2, "none": 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6), "b": (2, 4)},
)
def policy_gradient_loss(
    logits,
    actions,
    returns,
    baseline=None,
    mask=None,
    *,
    centre=None,
    entropy_coef=None,
    one_hot=False,
    reduction="mean",
):
    """REINFORCE loss, whose gradient is the policy gradient.

    Args:
        logits: action logits, with the actions on the last axis.
        actions: index of the action taken in each state.
        returns: return that followed each action.
        baseline: estimate of the return that does not depend on the action.
        mask: True for the steps that count.
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if one_hot:
        chosen = jax.nn.one_hot(actions, logits.shape[-1], dtype=logits.dtype)
        log_prob = jnp.sum(log_probs * chosen, axis=-1)
    else:
        log_prob = jnp.take_along_axis(log_probs, actions[..., None], axis=-1)[..., 0]
    if baseline is not None:
        advantages = returns - baseline
    elif centre == "mean":
        advantages = returns - jnp.mean(returns, axis=-1, keepdims=True)
    elif centre == "leave_one_out":
        n = returns.shape[-1]
        others = (jnp.sum(returns, axis=-1, keepdims=True) - returns) / (n - 1)
        advantages = returns - others
    else:
        advantages = returns
    loss = -log_prob * advantages
    if entropy_coef is not None:
        entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
        loss = loss - entropy_coef * entropy
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


# ---------------------------------------------------------------- values of actions


@family(
    "reduction",
    rewards="n",
    next_q="n c",
    dones="n bool",
    other_next_q="? n c",
    next_logits="? n c",
    kind={"max": 4, "soft": 2, "mellowmax": 1},
    combine={"min": 3, "mean": 1, "mix": 1},
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    temperature={0.1: 1, 0.5: 2, 2.0: 1},
    sizes={"n": (4, 5, 6, 8, 12), "c": (4, 5, 6)},
)
def td_targets(
    rewards,
    next_q,
    dones,
    other_next_q=None,
    next_logits=None,
    *,
    kind="max",
    combine="min",
    gamma=0.99,
    temperature=0.5,
):
    """One-step targets for action values.

    Args:
        rewards: reward of each transition.
        next_q: action values of the next states, of shape (batch, actions).
        dones: True where the transition ended its episode.
        other_next_q: action values by a second target network.
        next_logits: logits of the policy in the next states.
        gamma: discount factor.
        temperature: temperature of the soft maximum, and weight of the policy's entropy.
    """
    if other_next_q is not None:
        if combine == "min":
            next_q = jnp.minimum(next_q, other_next_q)
        elif combine == "mix":
            # Soft clipped double Q-learning, as in BCQ.
            low = jnp.minimum(next_q, other_next_q)
            high = jnp.maximum(next_q, other_next_q)
            next_q = 0.75 * low + 0.25 * high
        else:
            next_q = 0.5 * (next_q + other_next_q)
    if next_logits is not None:
        probs = jax.nn.softmax(next_logits, axis=-1)
        next_value = jnp.sum(probs * next_q, axis=-1)
        if kind == "soft":
            entropy = -jnp.sum(probs * jax.nn.log_softmax(next_logits, axis=-1), axis=-1)
            next_value = next_value + temperature * entropy
    elif kind == "max":
        next_value = jnp.max(next_q, axis=-1)
    elif kind == "soft":
        next_value = temperature * jax.nn.logsumexp(next_q / temperature, axis=-1)
    else:
        next_value = temperature * (
            jax.nn.logsumexp(next_q / temperature, axis=-1) - jnp.log(next_q.shape[-1])
        )
    targets = rewards + gamma * (1.0 - dones) * next_value
    return targets


def q_network(states, w_hidden, w_out):
    """Action values by a network with one hidden layer."""
    hidden = jax.nn.relu(states @ w_hidden)
    return hidden @ w_out


@family(
    "reduction",
    w_hidden="d f in -0.7..0.7",
    w_out="f c in -0.7..0.7",
    target_hidden="d f in -0.7..0.7",
    target_out="f c in -0.7..0.7",
    states="n d",
    actions="n int c",
    rewards="n",
    next_states="n d",
    dones="n bool",
    weights="? n in 0.2..1",
    double={False: 2, True: 3},
    gamma={0.99: 4, 0.95: 2},
    loss_type={"squared": 3, "huber": 3},
    with_priorities={False: 3, True: 1},
    one_hot={False: 3, True: 1},
    reduction={"mean": 4, "sum": 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5), "d": (4, 6), "f": (6, 8)},
)
def dqn_loss(
    w_hidden,
    w_out,
    target_hidden,
    target_out,
    states,
    actions,
    rewards,
    next_states,
    dones,
    weights=None,
    *,
    double=False,
    gamma=0.99,
    loss_type="squared",
    with_priorities=False,
    one_hot=False,
    reduction="mean",
):
    """Loss of a deep Q-network (DQN) on a batch of transitions.

    Args:
        w_hidden: first layer of the online network.
        w_out: second layer of the online network.
        target_hidden: first layer of the target network.
        target_out: second layer of the target network.
        states: states of shape (batch, features).
        actions: index of the action taken in each state.
        rewards: reward of each transition.
        next_states: states that followed.
        dones: True where the transition ended its episode.
        weights: importance weights of prioritised replay.
        gamma: discount factor.
    """
    q_values = q_network(states, w_hidden, w_out)
    next_q = q_network(next_states, target_hidden, target_out)
    if one_hot:
        chosen = jax.nn.one_hot(actions, q_values.shape[-1], dtype=q_values.dtype)
        q_taken = jnp.sum(q_values * chosen, axis=-1)
    else:
        q_taken = jnp.take_along_axis(q_values, actions[:, None], axis=-1)[:, 0]
    if double:
        # Double Q-learning: the online network chooses, the target network evaluates.
        best = jnp.argmax(q_network(next_states, w_hidden, w_out), axis=-1)
        next_value = jnp.take_along_axis(next_q, best[:, None], axis=-1)[:, 0]
    else:
        next_value = jnp.max(next_q, axis=-1)
    target = rewards + gamma * (1.0 - dones) * next_value
    td_error = target - q_taken
    if loss_type == "squared":
        loss = 0.5 * jnp.square(td_error)
    else:
        loss = huber(td_error)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        loss = jnp.mean(loss)
    else:
        loss = jnp.sum(loss)
    if with_priorities:
        return loss, jnp.abs(td_error) + 1e-3
    return loss


@family(
    "reduction",
    "multi_statement",
    next_logits="n k in -2..2",
    rewards="n",
    discounts="n in 0.5..1",
    logits="n k in -2..2",
    weights="? n in 0.2..1",
    v_min={-10.0: 3, -5.0: 1},
    v_max={10.0: 3, 5.0: 1},
    method={"kernel": 3, "scatter": 2},
    reduction={"mean": 3, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6, 8), "k": (5, 7, 8, 11)},
    only="float32",
)
def categorical_td_loss(
    next_logits,
    rewards,
    discounts,
    logits,
    weights=None,
    *,
    v_min=-10.0,
    v_max=10.0,
    method="kernel",
    reduction="mean",
):
    """Categorical distributional loss (C51): cross-entropy to the projected Bellman target.

    Args:
        next_logits: target network's return distribution in the next states, of shape
            (batch, atoms).
        rewards: reward of each transition.
        discounts: discount factor of each transition, zero where an episode ended.
        logits: predicted return distribution, of shape (batch, atoms).
        weights: importance weight of each transition.
        v_min: return of the first atom.
        v_max: return of the last atom.
    """
    n, num_atoms = next_logits.shape
    support = jnp.linspace(v_min, v_max, num_atoms)
    spacing = (v_max - v_min) / (num_atoms - 1)
    next_probs = jax.nn.softmax(next_logits, axis=-1)
    shifted = rewards[:, None] + discounts[:, None] * support[None, :]
    shifted = jnp.clip(shifted, v_min, v_max)
    if method == "kernel":
        # Each atom is shared between its neighbours by a triangular kernel.
        distance = jnp.abs(shifted[:, None, :] - support[None, :, None]) / spacing
        share = jnp.clip(1.0 - distance, 0.0, 1.0)
        projected = jnp.sum(share * next_probs[:, None, :], axis=-1)
    else:
        position = (shifted - v_min) / spacing
        lower = jnp.clip(jnp.floor(position), 0, num_atoms - 2)
        upper_share = position - lower
        index = lower.astype(jnp.int32)
        rows = jnp.arange(n)[:, None]
        projected = jnp.zeros_like(next_probs)
        projected = projected.at[rows, index].add(next_probs * (1.0 - upper_share))
        projected = projected.at[rows, index + 1].add(next_probs * upper_share)
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    loss = -jnp.sum(projected * log_probs, axis=-1)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    return loss


@family(
    "reduction",
    quantiles="n k",
    next_quantiles="n m",
    rewards="n",
    dones="? n bool",
    taus="? n k in 0.05..0.95",
    weights="? n in 0.2..1",
    gamma={0.99: 4, 0.95: 2},
    kappa={1.0: 4, 0.5: 1, 0.0: 1},
    reduction={"mean": 3, "none": 1},
    truncate={0: 4, 1: 1, 2: 1},
    loop_order={"targets_last": 2, "targets_first": 1},
    sizes={"n": (4, 5, 6), "k": (4, 5, 7), "m": (4, 5, 7)},
)
def quantile_td_loss(
    quantiles,
    next_quantiles,
    rewards,
    dones=None,
    taus=None,
    weights=None,
    *,
    gamma=0.99,
    kappa=1.0,
    reduction="mean",
    truncate=0,
    loop_order="targets_last",
):
    """Quantile regression loss of a distribution of returns, as in QR-DQN.

    Args:
        quantiles: predicted quantiles of the return, of shape (batch, quantiles).
        next_quantiles: quantiles of the return in the next states.
        rewards: reward of each transition.
        dones: True where the transition ended its episode.
        taus: quantile levels; by default the midpoints of equal parts.
        weights: importance weight of each transition.
        gamma: discount factor.
    """
    num_quantiles = quantiles.shape[-1]
    if taus is None:
        # Quantile midpoints.
        taus = (jnp.arange(num_quantiles) + 0.5)[None, :] / num_quantiles
    if truncate > 0:
        # Truncated quantile critics drop the largest target atoms.
        next_quantiles = jnp.sort(next_quantiles, axis=-1)[:, :-truncate]
    if dones is not None:
        discounts = gamma * (1.0 - dones)[:, None]
        targets = rewards[:, None] + discounts * next_quantiles
    else:
        targets = rewards[:, None] + gamma * next_quantiles
    if loop_order == "targets_last":
        errors = targets[:, None, :] - quantiles[:, :, None]
        levels = taus[:, :, None]
    else:
        errors = targets[:, :, None] - quantiles[:, None, :]
        levels = taus[:, None, :]
    weight = jnp.abs(levels - (errors < 0))
    if kappa > 0:
        abs_errors = jnp.abs(errors)
        size = jnp.where(
            abs_errors <= kappa, 0.5 * jnp.square(errors), kappa * (abs_errors - 0.5 * kappa)
        )
        loss = weight * size / kappa
    else:
        loss = weight * jnp.abs(errors)
    # Sum over the quantiles, mean over the target atoms.
    if loop_order == "targets_last":
        loss = jnp.sum(jnp.mean(loss, axis=2), axis=1)
    else:
        loss = jnp.sum(jnp.mean(loss, axis=1), axis=1)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    else:
        return loss


# ---------------------------------------------------------------- soft actor-critic


@family(
    "reduction",
    mean="n k in -1..1",
    log_std="n k in -2..0.5",
    noise="n k",
    q_weights="k in -1..1",
    other_q_weights="? k in -1..1",
    log_alpha="? in -2..0",
    alpha={0.2: 3, 0.1: 1, 0.05: 1},
    clip_std={True: 3, False: 1},
    correction={"log_tanh": 3, "softplus": 2},
    with_alpha_loss={False: 3, True: 1},
    reduction={"mean": 4, "none": 1},
    sizes={"n": (4, 5, 6, 8), "k": (2, 4, 5, 6)},
    only="float32",
)
def squashed_actor_loss(
    mean,
    log_std,
    noise,
    q_weights,
    other_q_weights=None,
    log_alpha=None,
    *,
    alpha=0.2,
    clip_std=True,
    correction="log_tanh",
    with_alpha_loss=False,
    reduction="mean",
):
    """Actor loss of soft actor-critic (SAC), with a tanh-squashed Gaussian policy.

    Args:
        mean: mean of the actions before squashing, of shape (batch, action dimensions).
        log_std: log standard deviation before squashing.
        noise: standard normal noise of the reparameterised sample.
        q_weights: action at which a quadratic critic is largest.
        other_q_weights: the same for the second critic.
        log_alpha: logarithm of the entropy temperature.
    """
    if clip_std:
        log_std = jnp.clip(log_std, -20.0, 2.0)
    pre_tanh = mean + jnp.exp(log_std) * noise
    actions = jnp.tanh(pre_tanh)
    log_prob = -0.5 * jnp.square(noise) - log_std - 0.5 * jnp.log(2.0 * jnp.pi)
    if correction == "log_tanh":
        log_prob = log_prob - jnp.log(1.0 - jnp.square(actions) + 1e-6)
    else:
        # A stable form of log(1 - tanh(x)**2).
        log_prob = log_prob - 2.0 * (jnp.log(2.0) - pre_tanh - jax.nn.softplus(-2.0 * pre_tanh))
    log_prob = jnp.sum(log_prob, axis=-1)
    q = -jnp.sum(jnp.square(actions - q_weights), axis=-1)
    if other_q_weights is not None:
        other_q = -jnp.sum(jnp.square(actions - other_q_weights), axis=-1)
        q = jnp.minimum(q, other_q)
    if log_alpha is not None:
        actor_loss = jnp.exp(log_alpha) * log_prob - q
    else:
        actor_loss = alpha * log_prob - q
    if reduction == "mean":
        actor_loss = jnp.mean(actor_loss)
    if log_alpha is not None and with_alpha_loss:
        target_entropy = -mean.shape[-1]
        entropy_gap = lax.stop_gradient(jnp.mean(log_prob + target_entropy))
        return actor_loss, -jnp.exp(log_alpha) * entropy_gap
    return actor_loss


@family(
    "reduction",
    "multi_statement",
    "elementwise",
    q1="n",
    q2="n",
    next_q1="n",
    next_q2="n",
    rewards="n",
    dones="n bool",
    next_log_prob="? n in -3..0",
    weights="? n in 0.2..1",
    gamma={0.99: 4, 0.95: 2},
    alpha={0.2: 3, 0.1: 1},
    loss_type={"squared": 4, "huber": 2},
    reward_scale={None: 4, 5.0: 1},
    separate={False: 3, True: 1},
    reduction={"mean": 4, "none": 1},
    sizes={"n": (4, 5, 6, 8, 12)},
)
def soft_critic_loss(
    q1,
    q2,
    next_q1,
    next_q2,
    rewards,
    dones,
    next_log_prob=None,
    weights=None,
    *,
    gamma=0.99,
    alpha=0.2,
    loss_type="squared",
    reward_scale=None,
    separate=False,
    reduction="mean",
):
    """Loss of twin critics on their common clipped double-Q target.

    Args:
        q1: values of the actions taken, by the first critic.
        q2: values of the actions taken, by the second critic.
        next_q1: value of the next action, by the first target critic.
        next_q2: value of the next action, by the second target critic.
        rewards: reward of each transition.
        dones: True where the transition ended its episode.
        next_log_prob: log-probability of the next action.
        weights: importance weight of each transition.
        gamma: discount factor.
    """
    next_value = jnp.minimum(next_q1, next_q2)
    if next_log_prob is not None:
        # Entropy bonus of soft actor-critic.
        next_value = next_value - alpha * next_log_prob
    if reward_scale is not None:
        rewards = reward_scale * rewards
    target = rewards + gamma * (1.0 - dones) * next_value
    if loss_type == "squared":
        loss1 = 0.5 * jnp.square(q1 - target)
        loss2 = 0.5 * jnp.square(q2 - target)
    else:
        loss1 = huber(q1 - target)
        loss2 = huber(q2 - target)
    if weights is not None:
        loss1 = weights * loss1
        loss2 = weights * loss2
    if reduction == "mean":
        loss1 = jnp.mean(loss1)
        loss2 = jnp.mean(loss2)
    if separate:
        return loss1, loss2
    return loss1 + loss2


@family(
    "elementwise",
    "scalar_array",
    "contraction",
    target_params="d e",
    online_params="d e",
    tau="? in 0.01..0.5",
    rate={0.005: 2, 0.01: 2, 0.05: 1},
    form={"average": 3, "increment": 2, "decay": 1},
    sizes={"d": (4, 6, 8), "e": (4, 6, 8)},
    weight=3,
)
def soft_update(target_params, online_params, tau=None, *, rate=0.005, form="average"):
    """Polyak averaging of a target network's parameters towards the online network's."""
    if tau is None:
        tau = rate
    if form == "average":
        return (1.0 - tau) * target_params + tau * online_params
    elif form == "increment":
        return target_params + tau * (online_params - target_params)
    else:
        decay = 1.0 - tau
        return decay * target_params + (1.0 - decay) * online_params


@family(
    "multi_statement",
    target_w="d e",
    target_b="e",
    online_w="d e",
    online_b="e",
    tau="? in 0.01..0.5",
    rate={0.005: 2, 0.01: 2, 0.05: 1},
    mapped={True: 3, False: 2},
    lerp={True: 2, False: 2},
    sizes={"d": (4, 6, 8), "e": (4, 6, 8)},
    weight=4,
)
def update_target_layer(
    target_w,
    target_b,
    online_w,
    online_b,
    tau=None,
    *,
    rate=0.005,
    mapped=True,
    lerp=True,
):
    """Polyak averaging of the weights and bias of a layer of a target network."""
    if tau is None:
        tau = rate
    if mapped:
        target_params = (target_w, target_b)
        online_params = (online_w, online_b)
        if lerp:
            new_w, new_b = jax.tree.map(
                lambda t, o: (1.0 - tau) * t + tau * o, target_params, online_params
            )
        else:
            new_w, new_b = jax.tree.map(
                lambda t, o: t + tau * (o - t), target_params, online_params
            )
    elif lerp:
        new_w = (1.0 - tau) * target_w + tau * online_w
        new_b = (1.0 - tau) * target_b + tau * online_b
    else:
        new_w = target_w + tau * (online_w - target_w)
        new_b = target_b + tau * (online_b - target_b)
    return new_w, new_b


# ---------------------------------------------------------------- policies


@family(
    "reduction",
    "contraction",
    "multi_statement",
    "branch",
    q_values="n c",
    epsilon="? in 0.05..0.5",
    legal="? n c bool",
    kind={"greedy": 3, "boltzmann": 3, "share_ties": 2},
    temperature={1.0: 3, 0.5: 2, 0.1: 1},
    product={"sum": 3, "einsum": 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6)},
    only="float32",
)
def policy_value(
    q_values,
    epsilon=None,
    legal=None,
    *,
    kind="greedy",
    temperature=1.0,
    product="sum",
):
    """Expected action value of states under an exploration policy.

    Args:
        q_values: action values of shape (states, actions).
        epsilon: probability of a uniformly random action.
        legal: True for the actions that are possible.
        temperature: temperature of the Boltzmann policy.
    """
    num_actions = q_values.shape[-1]
    if legal is not None:
        scores = jnp.where(legal, q_values, -1e9)
    else:
        scores = q_values
    if kind == "greedy":
        probs = jax.nn.one_hot(jnp.argmax(scores, axis=-1), num_actions)
    elif kind == "boltzmann":
        if temperature != 1.0:
            scores = scores / temperature
        probs = jax.nn.softmax(scores, axis=-1)
    else:
        # Actions of equal value are equally likely.
        best = scores >= jnp.max(scores, axis=-1, keepdims=True)
        probs = best / jnp.sum(best, axis=-1, keepdims=True)
    if epsilon is not None:
        if legal is not None:
            num_legal = jnp.sum(legal, axis=-1, keepdims=True)
            uniform = legal / jnp.maximum(num_legal, 1)
        else:
            uniform = 1.0 / num_actions
        probs = (1.0 - epsilon) * probs + epsilon * uniform
    if product == "einsum":
        return jnp.einsum("sa,sa->s", probs, q_values)
    return jnp.sum(probs * q_values, axis=-1)


@family(
    "contraction",
    "elementwise",
    "scalar_array",
    means="... n",
    counts="... n in 1..30",
    variances="? ... n in 0.02..0.25",
    total="? ... in 40..200",
    kind={"ucb1": 4, "asymptotic": 1},
    c={2.0: 3, 0.5: 1},
    split={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "b": (2, 4)},
)
def ucb_scores(means, counts, variances=None, total=None, *, kind="ucb1", c=2.0, split=False):
    """Upper confidence bounds of the arms of a bandit.

    Args:
        means: mean reward of each arm.
        counts: number of pulls of each arm.
        variances: variance of each arm's rewards, for UCB-V.
        total: number of pulls of all arms.
        c: exploration coefficient.
    """
    if total is None:
        total = jnp.sum(counts, axis=-1)
    total = total[..., None]
    if variances is not None:
        exploration = jnp.log(total) / counts
        return means + jnp.sqrt(c * variances * exploration) + 3.0 * exploration
    if kind == "asymptotic":
        # Lattimore's asymptotically optimal bound.
        log_total = jnp.log(1.0 + total * jnp.square(jnp.log(total)))
    else:
        log_total = jnp.log(total)
    if split:
        return means + jnp.sqrt(c * log_total) / jnp.sqrt(counts)
    return means + jnp.sqrt(c * log_total / counts)


@family(
    "contraction",
    "elementwise",
    "scalar_array",
    values="... n",
    counts="... n in 0..30",
    logits="... n",
    parent_count="? ... in 40..200",
    kind={"alphazero": 3, "muzero": 2},
    c={1.25: 3, 2.0: 1},
    rescale={False: 2, True: 2},
    noise="? ... n in 0..0.4",
    sizes={"n": (4, 5, 6, 8), "b": (2, 4)},
)
def puct_scores(
    values,
    counts,
    logits,
    parent_count=None,
    noise=None,
    *,
    kind="alphazero",
    c=1.25,
    rescale=False,
):
    """PUCT scores of the children of a node in Monte Carlo tree search.

    Args:
        values: mean value of each child.
        counts: visit count of each child.
        logits: policy logits of the actions.
        parent_count: visit count of the node.
        noise: Dirichlet noise for exploration at the root.
        c: exploration coefficient.
    """
    if parent_count is None:
        parent_count = jnp.sum(counts, axis=-1)
    parent_count = parent_count[..., None]
    priors = jax.nn.softmax(logits, axis=-1)
    if noise is not None:
        priors = 0.75 * priors + 0.25 * noise
    if rescale:
        # Min-max normalisation of the values, as in MuZero.
        low = jnp.min(values, axis=-1, keepdims=True)
        high = jnp.max(values, axis=-1, keepdims=True)
        values = (values - low) / (high - low + 1e-6)
    if kind == "muzero":
        # The coefficient grows slowly with the number of visits.
        c_puct = c + jnp.log((parent_count + 19652.0 + 1.0) / 19652.0)
        bonus = c_puct * priors * jnp.sqrt(parent_count) / (1.0 + counts)
    else:
        bonus = c * priors * jnp.sqrt(parent_count) / (1.0 + counts)
    return values + bonus


@family(
    "contraction",
    "reduction",
    "branch",
    "nested_branch",
    "multi_statement",
    preferences="n c",
    temperature="? in 0.3..2",
    legal="? n c bool",
    prior="? c in 0.1..1",
    epsilon={None: 4, 0.1: 1, 0.05: 1},
    top={None: 4, 2: 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6, 8)},
    only="float32",
)
def boltzmann_policy(
    preferences,
    temperature=None,
    legal=None,
    prior=None,
    *,
    epsilon=None,
    top=None,
):
    """Action log-probabilities of a softmax policy.

    Args:
        preferences: action values of shape (states, actions).
        temperature: softmax temperature.
        legal: True for the actions that are possible.
        prior: reference policy, up to a constant factor.
    """
    logits = preferences
    if temperature is not None:
        logits = logits / temperature
    if prior is not None:
        # Regularised towards the prior by the KL divergence.
        logits = logits + jnp.log(prior)
    if legal is not None:
        logits = jnp.where(legal, logits, -30.0)
    if top is not None:
        # Only the best actions are tried.
        threshold = jnp.sort(logits, axis=-1)[:, -top]
        logits = jnp.where(logits >= threshold[:, None], logits, -30.0)
    if epsilon is None:
        return jax.nn.log_softmax(logits, axis=-1)
    probs = jax.nn.softmax(logits, axis=-1)
    probs = (1.0 - epsilon) * probs + epsilon / logits.shape[-1]
    return jnp.log(probs)


# ---------------------------------------------------------------- tables


@family(
    "loop",
    rewards="n c",
    transition_logits="c n n",
    init="? n",
    kind={"max": 3, "soft": 2},
    num_iterations={4: 2, 6: 2, 8: 2},
    gamma={0.9: 3, 0.95: 2, 0.99: 1},
    product={"einsum": 2, "matmul": 1},
    scan={False: 2, True: 2},
    residuals={False: 3, True: 1},
    sizes={"n": (4, 5, 6), "c": (2, 4)},
    only="float32",
)
def value_iteration(
    rewards,
    transition_logits,
    init=None,
    *,
    kind="max",
    num_iterations=6,
    gamma=0.9,
    product="einsum",
    scan=False,
    residuals=False,
):
    """State values of a finite Markov decision process by value iteration.

    Args:
        rewards: rewards of shape (states, actions).
        transition_logits: logits of the next state, of shape (actions, states, states).
        init: initial values of the states.
        gamma: discount factor.
    """
    transitions = jax.nn.softmax(transition_logits, axis=-1)

    def backup(values):
        if product == "einsum":
            return rewards + gamma * jnp.einsum("aij,j->ia", transitions, values)
        return rewards + gamma * (transitions @ values).T

    def improve(values):
        q_values = backup(values)
        if kind == "max":
            return jnp.max(q_values, axis=-1)
        return jax.nn.logsumexp(q_values, axis=-1)

    if init is not None:
        values = init
    else:
        values = jnp.zeros(rewards.shape[0])
    if residuals:

        def step(values, _):
            new_values = improve(values)
            return new_values, jnp.max(jnp.abs(new_values - values))

        values, errors = lax.scan(step, values, None, length=num_iterations)
        return values, errors
    if scan:
        values, _ = lax.scan(lambda v, _: (improve(v), None), values, None, length=num_iterations)
    else:
        values = lax.fori_loop(0, num_iterations, lambda _, v: improve(v), values)
    return values


@family(
    "loop",
    values="n",
    states="t int n",
    next_states="t int n",
    rewards="t",
    dones="? t bool",
    step_size={0.1: 3, 0.5: 1, 0.2: 1},
    gamma={0.99: 2, 0.9: 2},
    lam={0.9: 2, 0.8: 1, 0.5: 1},
    traces={"accumulating": 2, "replacing": 2, "dutch": 1},
    with_errors={False: 3, True: 2},
    sizes={"n": (4, 5, 6, 8), "t": (6, 8, 10)},
    only="float32",
)
def td_lambda(
    values,
    states,
    next_states,
    rewards,
    dones=None,
    *,
    step_size=0.1,
    gamma=0.9,
    lam=0.9,
    traces="accumulating",
    with_errors=False,
):
    """Tabular TD(lambda) prediction along one trajectory.

    Args:
        values: initial values of the states.
        states: index of the state at each step.
        next_states: index of the state that follows.
        rewards: reward of each step.
        dones: True where the step ended its episode.
        step_size: learning rate.
        gamma: discount factor.
        lam: decay of the eligibility traces.
    """
    if dones is not None:
        discounts = gamma * (1.0 - dones)
    else:
        discounts = gamma * jnp.ones_like(rewards)

    def step(carry, inputs):
        values, trace = carry
        state, next_state, reward, discount = inputs
        delta = reward + discount * values[next_state] - values[state]
        if traces == "accumulating":
            trace = (discount * lam * trace).at[state].add(1.0)
        elif traces == "replacing":
            trace = (discount * lam * trace).at[state].set(1.0)
        else:
            # Dutch traces shrink by the step size before they grow.
            trace = discount * lam * trace
            trace = trace.at[state].set((1.0 - step_size) * trace[state] + 1.0)
        values = values + step_size * delta * trace
        return (values, trace), delta

    init = (values, jnp.zeros_like(values))
    inputs = (states, next_states, rewards, discounts)
    (values, _), deltas = lax.scan(step, init, inputs)
    if with_errors:
        return values, deltas
    return values


@family(
    "loop",
    weights="d",
    features="t d in -1..1",
    last_features="d in -1..1",
    rewards="t",
    dones="? t bool",
    importance="? t in 0.3..1.5",
    step_size={0.1: 3, 0.05: 1, 0.2: 1},
    gamma={0.99: 2, 0.9: 2},
    lam={0.9: 2, 0.8: 1, 0.5: 1},
    traces={"accumulating": 3, "none": 1},
    output={"weights": 3, "both": 1},
    sizes={"d": (4, 5, 6), "t": (5, 6, 8, 10)},
    only="float32",
)
def linear_td(
    weights,
    features,
    last_features,
    rewards,
    dones=None,
    importance=None,
    *,
    step_size=0.1,
    gamma=0.9,
    lam=0.9,
    traces="accumulating",
    output="weights",
):
    """Semi-gradient temporal difference learning with linear values, along one trajectory.

    Args:
        weights: initial weights of the value function.
        features: features of the states, of shape (time, features).
        last_features: features of the state after the last step.
        rewards: reward of each step.
        dones: True where the step ended its episode.
        importance: importance sampling ratio of each action.
        step_size: learning rate.
        gamma: discount factor.
        lam: decay of the eligibility traces.
    """
    next_features = jnp.concatenate([features[1:], last_features[None]], axis=0)
    discounts = gamma * jnp.ones_like(rewards)
    if dones is not None:
        discounts = discounts * (1.0 - dones)

    def step(carry, inputs):
        weights, trace = carry
        if importance is not None:
            phi, next_phi, reward, discount, rho = inputs
        else:
            phi, next_phi, reward, discount = inputs
        delta = reward + discount * next_phi @ weights - phi @ weights
        if traces == "accumulating":
            trace = discount * lam * trace + phi
        else:
            trace = phi
        if importance is not None:
            trace = rho * trace
        weights = weights + step_size * delta * trace
        return (weights, trace), delta

    init = (weights, jnp.zeros_like(weights))
    if importance is not None:
        inputs = (features, next_features, rewards, discounts, importance)
    else:
        inputs = (features, next_features, rewards, discounts)
    (weights, _), deltas = lax.scan(step, init, inputs)
    if output == "both":
        return weights, deltas
    else:
        return weights


@family(
    "loop",
    q_table="n c",
    states="t int n",
    actions="t int c",
    rewards="t",
    next_states="t int n",
    dones="? t bool",
    step_size={0.1: 3, 0.5: 1, 0.2: 1},
    gamma={0.99: 2, 0.9: 3},
    visits={False: 3, True: 1},
    with_errors={False: 3, True: 2},
    loop={"scan": 3, "fori": 2},
    sizes={"n": (4, 5, 6), "c": (4, 5), "t": (6, 8, 10)},
    only="float32",
)
def q_learning(
    q_table,
    states,
    actions,
    rewards,
    next_states,
    dones=None,
    *,
    step_size=0.1,
    gamma=0.9,
    visits=False,
    with_errors=False,
    loop="scan",
):
    """Tabular Q-learning along one trajectory.

    Args:
        q_table: initial action values, of shape (states, actions).
        states: index of the state at each step.
        actions: index of the action taken.
        rewards: reward of each step.
        next_states: index of the state that follows.
        dones: True where the step ended its episode.
        gamma: discount factor.
    """

    def update(q_table, t):
        next_value = jnp.max(q_table[next_states[t]])
        if dones is not None:
            next_value = jnp.where(dones[t], 0.0, next_value)
        td_error = rewards[t] + gamma * next_value - q_table[states[t], actions[t]]
        if visits:
            # The step size falls with the number of visits of the pair.
            same = (states == states[t]) & (actions == actions[t])
            count = jnp.sum(same & (jnp.arange(length) < t))
            rate = 1.0 / (2.0 + count)
        else:
            rate = step_size
        return q_table.at[states[t], actions[t]].add(rate * td_error), td_error

    length = states.shape[0]
    if with_errors:
        q_table, td_errors = lax.scan(update, q_table, jnp.arange(length))
        return q_table, td_errors
    if loop == "fori":
        return lax.fori_loop(0, length, lambda t, q: update(q, t)[0], q_table)
    q_table, _ = lax.scan(update, q_table, jnp.arange(length))
    return q_table


@family(
    "loop",
    q_table="n c",
    states="t int n",
    actions="t int c",
    rewards="t",
    next_states="t int n",
    next_actions="? t int c",
    dones="? t bool",
    step_size={0.1: 3, 0.5: 1, 0.2: 1},
    gamma={0.99: 2, 0.9: 3},
    epsilon={0.1: 3, 0.2: 1},
    policy={"epsilon_greedy": 2, "softmax": 1},
    with_errors={False: 3, True: 1},
    sizes={"n": (4, 5, 6), "c": (4, 5), "t": (6, 8, 10)},
    only="float32",
)
def sarsa(
    q_table,
    states,
    actions,
    rewards,
    next_states,
    next_actions=None,
    dones=None,
    *,
    step_size=0.1,
    gamma=0.9,
    epsilon=0.1,
    policy="epsilon_greedy",
    with_errors=False,
):
    """On-policy control with a table of action values, along one trajectory.

    Args:
        q_table: initial action values, of shape (states, actions).
        states: index of the state at each step.
        actions: index of the action taken.
        rewards: reward of each step.
        next_states: index of the state that follows.
        next_actions: index of the action taken there.
        dones: True where the step ended its episode.
        step_size: learning rate.
        gamma: discount factor.
    """

    def step(q_table, t):
        next_q = q_table[next_states[t]]
        if next_actions is not None:
            next_value = next_q[next_actions[t]]
        elif policy == "softmax":
            # Expected SARSA under a Boltzmann policy.
            next_value = jnp.sum(jax.nn.softmax(next_q) * next_q)
        else:
            # Expected SARSA under the epsilon-greedy policy.
            next_value = (1.0 - epsilon) * jnp.max(next_q) + epsilon * jnp.mean(next_q)
        if dones is not None:
            next_value = jnp.where(dones[t], 0.0, next_value)
        state, action = states[t], actions[t]
        td_error = rewards[t] + gamma * next_value - q_table[state, action]
        return q_table.at[state, action].add(step_size * td_error), td_error

    q_table, td_errors = lax.scan(step, q_table, jnp.arange(rewards.shape[0]))
    if with_errors:
        return q_table, td_errors
    return q_table


@family(
    "loop",
    preferences="c",
    actions="t int c",
    rewards="t",
    step_size={0.1: 2, 0.4: 2, 0.2: 1},
    baseline={"average": 3, "exponential": 2, "none": 1},
    form={"one_hot": 2, "scatter": 1},
    sizes={"c": (4, 5, 6, 8), "t": (5, 6, 8, 10)},
    only="float32",
    weight=6,
)
def gradient_bandit(
    preferences,
    actions,
    rewards,
    *,
    step_size=0.1,
    baseline="average",
    form="one_hot",
):
    """Gradient bandit algorithm: stochastic gradient ascent on action preferences.

    Args:
        preferences: initial preference of each arm.
        actions: index of the arm pulled at each step.
        rewards: reward of each pull.
        step_size: learning rate.
    """

    def step(carry, inputs):
        if baseline == "none":
            preferences = carry
        elif baseline == "exponential":
            preferences, average = carry
        else:
            preferences, average, count = carry
        action, reward = inputs
        probs = jax.nn.softmax(preferences)
        if baseline == "none":
            advantage = reward
        else:
            advantage = reward - average
        if form == "scatter":
            gradient = (-advantage * probs).at[action].add(advantage)
        else:
            chosen = jax.nn.one_hot(action, probs.shape[0])
            gradient = advantage * (chosen - probs)
        preferences = preferences + step_size * gradient
        log_prob = jnp.log(probs[action])
        if baseline == "none":
            return preferences, log_prob
        elif baseline == "exponential":
            average = 0.9 * average + 0.1 * reward
            return (preferences, average), log_prob
        else:
            count = count + 1.0
            average = average + (reward - average) / count
            return (preferences, average, count), log_prob

    if baseline == "none":
        init = preferences
    elif baseline == "exponential":
        init = (preferences, 0.0)
    else:
        init = (preferences, 0.0, 0.0)
    state, log_probs = lax.scan(step, init, (actions, rewards))
    if baseline == "none":
        return state, log_probs
    return state[0], log_probs


@family(
    "loop",
    choices="t int c",
    rewards="t",
    alpha="in 0.1..0.6",
    beta="in 0.5..3",
    initial="? c in -0.5..0.5",
    perseveration="? in 0.1..0.8",
    mask="? t bool",
    update={"chosen": 4, "forgetting": 1, "counterfactual": 1},
    form={"scatter": 2, "one_hot": 1},
    negative={True: 2, False: 2},
    num_arms=(Code("c"),),
    sizes={"c": (2, 4, 5), "t": (6, 8, 10)},
    only="float32",
    weight=8,
)
def bandit_log_likelihood(
    choices,
    rewards,
    alpha,
    beta,
    initial=None,
    perseveration=None,
    mask=None,
    *,
    update="chosen",
    form="scatter",
    negative=False,
    num_arms=4,
):
    """Log-likelihood, or its negative, of a bandit player's choices under a Rescorla-Wagner model.

    Args:
        choices: index of the arm chosen in each trial.
        rewards: reward of each trial.
        alpha: learning rate.
        beta: inverse temperature of the softmax choice rule.
        initial: initial value of each arm.
        perseveration: bonus of the arm that was chosen last.
        mask: True for the trials that count.
    """
    if initial is not None:
        values = initial
    else:
        values = jnp.zeros(num_arms)

    def trial(carry, inputs):
        values, last = carry
        choice, reward = inputs
        logits = beta * values
        if perseveration is not None:
            logits = logits + perseveration * last
        log_prob = jax.nn.log_softmax(logits)[choice]
        chosen = jax.nn.one_hot(choice, num_arms)
        if update == "forgetting":
            # The values of the other arms decay to zero.
            values = values + alpha * (chosen * reward - values)
        elif update == "counterfactual":
            # The other arms are taken to have paid the opposite.
            values = values + alpha * ((2.0 * chosen - 1.0) * reward - values)
        elif form == "one_hot":
            values = values + alpha * chosen * (reward - values)
        else:
            values = values.at[choice].add(alpha * (reward - values[choice]))
        return (values, chosen), log_prob

    init = (values, jnp.zeros(num_arms))
    _, log_probs = lax.scan(trial, init, (choices, rewards))
    if mask is not None:
        log_probs = jnp.where(mask, log_probs, 0.0)
    if negative:
        return -jnp.sum(log_probs)
    return jnp.sum(log_probs)


# ---------------------------------------------------------------- preferences and offline data


@family(
    "elementwise",
    "reduction",
    "multi_statement",
    chosen_log_probs="n in -4..-0.5",
    rejected_log_probs="n in -4..-0.5",
    ref_chosen_log_probs="n in -4..-0.5",
    ref_rejected_log_probs="n in -4..-0.5",
    weights="? n in 0.2..2",
    kind={"sigmoid": 4, "ipo": 2, "hinge": 2, "conservative": 2},
    beta={0.1: 3, 0.5: 2, 0.2: 1},
    sft_weight={None: 3, 0.1: 1, 0.2: 1},
    label_smoothing={0.1: 2, 0.2: 1},
    with_rewards={False: 3, True: 1},
    reduction={"mean": 4, "none": 2},
    sizes={"n": (4, 5, 6, 8, 12, 16)},
)
def preference_loss(
    chosen_log_probs,
    rejected_log_probs,
    ref_chosen_log_probs,
    ref_rejected_log_probs,
    weights=None,
    *,
    kind="sigmoid",
    beta=0.1,
    sft_weight=None,
    label_smoothing=0.1,
    with_rewards=False,
    reduction="mean",
):
    """Direct preference loss of a policy, without a reward model.

    Args:
        chosen_log_probs: log-probabilities of the preferred answers under the policy.
        rejected_log_probs: log-probabilities of the other answers under the policy.
        ref_chosen_log_probs: those of the preferred answers under the reference policy.
        ref_rejected_log_probs: those of the other answers under the reference policy.
        weights: weight of each pair.
        beta: strength of the implicit KL penalty.
    """
    chosen_ratio = chosen_log_probs - ref_chosen_log_probs
    rejected_ratio = rejected_log_probs - ref_rejected_log_probs
    difference = chosen_ratio - rejected_ratio
    logits = beta * difference
    if kind == "sigmoid":
        loss = -jax.nn.log_sigmoid(logits)
    elif kind == "ipo":
        loss = jnp.square(difference - 1.0 / (2.0 * beta))
    elif kind == "hinge":
        loss = jax.nn.relu(1.0 - logits)
    else:
        loss = jnp.exp(-logits)
    if sft_weight is not None:
        loss = loss - sft_weight * chosen_log_probs
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        loss = jnp.mean(loss)
    if with_rewards:
        return loss, jnp.mean(beta * chosen_ratio), jnp.mean(beta * rejected_ratio)
    return loss


@family(
    "reduction",
    log_probs="b k t in -2.5..-0.5",
    old_log_probs="b k t in -2.5..-0.5",
    rewards="b k",
    ref_log_probs="? b k t in -2.5..-0.5",
    mask="? b k t bool",
    clip_eps={0.2: 4, 0.1: 1},
    clip_high={None: 3, 0.28: 1},
    scale={True: 3, False: 2},
    baseline={"mean": 3, "leave_one_out": 2},
    kl_coef={0.04: 3, 0.01: 1},
    level={"token": 3, "sequence": 2},
    normalise={"per_sequence": 2, "all": 2},
    sizes={"b": (2, 3), "k": (4, 5), "t": (4, 5, 6)},
)
def group_policy_loss(
    log_probs,
    old_log_probs,
    rewards,
    ref_log_probs=None,
    mask=None,
    *,
    clip_eps=0.2,
    clip_high=None,
    scale=True,
    baseline="mean",
    kl_coef=0.04,
    level="token",
    normalise="per_sequence",
):
    """Group-relative policy optimisation (GRPO) loss.

    Args:
        log_probs: token log-probabilities of shape (prompts, answers, tokens).
        old_log_probs: the same under the policy that sampled the answers.
        rewards: reward of each answer, of shape (prompts, answers).
        ref_log_probs: the same under a frozen reference policy.
        mask: True for the tokens that belong to an answer.
        clip_eps: clipping range of the probability ratio.
    """
    group_size = rewards.shape[1]
    if baseline == "leave_one_out":
        others = (jnp.sum(rewards, axis=1, keepdims=True) - rewards) / (group_size - 1)
        advantages = rewards - others
    else:
        advantages = rewards - jnp.mean(rewards, axis=1, keepdims=True)
    if scale:
        advantages = advantages / (jnp.std(rewards, axis=1, keepdims=True) + 1e-4)
    advantages = advantages[..., None]
    log_ratio = log_probs - old_log_probs
    if level == "sequence":
        # One ratio for each answer: its geometric mean over the tokens, as in GSPO.
        if mask is not None:
            log_ratio = jnp.where(mask, log_ratio, 0.0)
            lengths = jnp.maximum(jnp.sum(mask, axis=-1, keepdims=True), 1)
            log_ratio = jnp.sum(log_ratio, axis=-1, keepdims=True) / lengths
        else:
            log_ratio = jnp.mean(log_ratio, axis=-1, keepdims=True)
    ratio = jnp.exp(log_ratio)
    if clip_high is not None:
        clipped = jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_high)
    else:
        clipped = jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_eps)
    loss = -jnp.minimum(ratio * advantages, clipped * advantages)
    if ref_log_probs is not None:
        # The k3 estimator of the KL divergence, which is never negative.
        gap = ref_log_probs - log_probs
        loss = loss + kl_coef * (jnp.exp(gap) - gap - 1.0)
    if mask is not None:
        mask = mask.astype(loss.dtype)
        if normalise == "all":
            return jnp.sum(loss * mask) / jnp.maximum(jnp.sum(mask), 1.0)
        per_sequence = jnp.sum(loss * mask, axis=-1) / jnp.maximum(jnp.sum(mask, axis=-1), 1.0)
        return jnp.mean(per_sequence)
    return jnp.mean(loss)


@family(
    "reduction",
    q_values="n",
    values="n",
    next_values="n",
    rewards="n",
    dones="n bool",
    log_probs="? n in -3..-0.2",
    weights="? n in 0.2..1",
    expectile={0.7: 3, 0.8: 1, 0.9: 1},
    gamma={0.99: 4, 0.95: 1},
    temperature={2.0: 2, 3.0: 1, 0.5: 1},
    max_weight={10.0: 1, 100.0: 3},
    separate={False: 2, True: 2},
    sizes={"n": (4, 5, 6, 8, 12)},
    only="float32",
)
def implicit_q_loss(
    q_values,
    values,
    next_values,
    rewards,
    dones,
    log_probs=None,
    weights=None,
    *,
    expectile=0.7,
    gamma=0.99,
    temperature=3.0,
    max_weight=100.0,
    separate=False,
):
    """Losses of implicit Q-learning (IQL) on a batch of offline transitions.

    Args:
        q_values: values of the actions taken.
        values: value estimates of the states.
        next_values: value estimates of the next states.
        rewards: reward of each transition.
        dones: True where the transition ended its episode.
        log_probs: log-probabilities of the actions under the policy.
        weights: importance weight of each transition.
        expectile: expectile of the action values that the state values estimate.
        gamma: discount factor.
    """
    advantage = q_values - values
    weight = jnp.where(advantage > 0, expectile, 1.0 - expectile)
    value_loss = weight * jnp.square(advantage)
    target = rewards + gamma * (1.0 - dones) * next_values
    q_loss = jnp.square(q_values - target)
    if weights is not None:
        value_loss = weights * value_loss
        q_loss = weights * q_loss
    value_loss = jnp.mean(value_loss)
    q_loss = jnp.mean(q_loss)
    if log_probs is not None:
        # Advantage-weighted regression.
        imitation = jnp.minimum(jnp.exp(temperature * advantage), max_weight)
        policy_loss = -jnp.mean(lax.stop_gradient(imitation) * log_probs)
        if separate:
            return value_loss, q_loss, policy_loss
        return value_loss + q_loss + policy_loss
    if separate:
        return value_loss, q_loss
    return value_loss + q_loss


@family(
    "reduction",
    q_values="n c",
    actions="n int c",
    targets="n",
    weights="? n in 0.2..1",
    coefficient={0.5: 2, 5.0: 1, 0.1: 1},
    temperature={None: 4, 0.5: 1},
    loss_type={"squared": 4, "huber": 1},
    with_parts={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 12), "c": (4, 5, 6)},
)
def conservative_loss(
    q_values,
    actions,
    targets,
    weights=None,
    *,
    coefficient=0.5,
    temperature=None,
    loss_type="squared",
    with_parts=False,
):
    """Conservative Q-learning (CQL) loss for discrete actions.

    Args:
        q_values: action values of shape (batch, actions).
        actions: index of the action taken in each state.
        targets: Bellman targets of the actions taken.
        weights: importance weight of each transition.
    """
    q_taken = jnp.take_along_axis(q_values, actions[:, None], axis=1)[:, 0]
    if loss_type == "huber":
        td_loss = huber(q_taken - targets)
    else:
        td_loss = 0.5 * jnp.square(q_taken - targets)
    if temperature is not None:
        spread = temperature * jax.nn.logsumexp(q_values / temperature, axis=-1)
    else:
        spread = jax.nn.logsumexp(q_values, axis=-1)
    gap = spread - q_taken
    if weights is not None:
        td_loss = td_loss * weights
        gap = gap * weights
    td_loss = jnp.mean(td_loss)
    gap = jnp.mean(gap)
    loss = td_loss + coefficient * gap
    if with_parts:
        return loss, td_loss, gap
    return loss


@family(
    "multi_statement",
    observations="n d",
    mean="d",
    var="d in 0.2..2",
    count="in 10..100",
    mask="? n bool",
    clip={None: 3, 10.0: 2, 5.0: 1},
    form={"sums": 3, "weights": 2},
    eps={1e-8: 3, 1e-4: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6, 8)},
    only="float32",
)
def normalize_observations(
    observations,
    mean,
    var,
    count,
    mask=None,
    *,
    clip=None,
    form="sums",
    eps=1e-8,
):
    """Normalise observations by running moments, which are updated with the batch first.

    Args:
        observations: batch of observations, of shape (batch, features).
        mean: running mean of each feature.
        var: running variance of each feature.
        count: number of observations behind the running moments.
        mask: True for the observations of the batch that count.

    Returns:
        The normalised observations, and the new mean, variance and count.
    """
    if mask is not None:
        keep = mask[:, None].astype(observations.dtype)
        n = jnp.sum(keep)
        batch_mean = jnp.sum(keep * observations, axis=0) / jnp.maximum(n, 1.0)
        squares = keep * jnp.square(observations - batch_mean)
        batch_var = jnp.sum(squares, axis=0) / jnp.maximum(n, 1.0)
    else:
        n = observations.shape[0]
        batch_mean = jnp.mean(observations, axis=0)
        batch_var = jnp.var(observations, axis=0)
    delta = batch_mean - mean
    total = count + n
    if form == "sums":
        # Chan's formula for the moments of both samples together.
        new_mean = mean + delta * n / total
        m2 = var * count + batch_var * n + jnp.square(delta) * count * n / total
        new_var = m2 / total
    else:
        share = n / total
        new_mean = mean + share * delta
        between = share * (1.0 - share) * jnp.square(delta)
        new_var = (1.0 - share) * var + share * batch_var + between
    normalized = (observations - new_mean) / jnp.sqrt(new_var + eps)
    if clip is not None:
        normalized = jnp.clip(normalized, -clip, clip)
    return normalized, new_mean, new_var, total
