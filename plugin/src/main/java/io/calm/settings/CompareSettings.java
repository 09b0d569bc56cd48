package io.calm.settings;

/**
 * Settings of the comparison with the uniform twin.
 *
 * @param probe whether the latency of both is measured by itself once the model has been idle
 * @param share share of the requests that the twin answers, 0 to 0.5
 */
public record CompareSettings(boolean probe, double share) {}
