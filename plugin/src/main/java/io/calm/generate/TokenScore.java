package io.calm.generate;

/**
 * A token and its natural log-probability under the model's own distribution: before temperature,
 * penalties and truncation.
 *
 * @param logprob at most 0; NaN if there is none, as for the first token of a prompt or if scores
 *     were not requested
 */
public record TokenScore(int id, float logprob) {}
