package io.calm.generate;

/**
 * A token and its natural log-probability under the model's own distribution: before temperature,
 * penalties and truncation.
 *
 * @param logprob at most 0; NaN where there is none: the first token of a prompt, or a token that
 *     nobody wanted scored
 */
public record TokenScore(int id, float logprob) {}
