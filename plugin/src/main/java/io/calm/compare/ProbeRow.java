package io.calm.compare;

import io.calm.compare.StepShape.Phase;

/**
 * The step times of a served plan and of its uniform twin, for one kind of step.
 *
 * @param sequences number of sequences in a step
 * @param steps number of steps of each plan
 * @param served times of the served plan, in milliseconds
 * @param uniform times of the uniform twin, in milliseconds
 * @param deviation of the served plan from the twin; positive if the served plan is slower
 */
public record ProbeRow(
    Phase phase,
    int sequences,
    int steps,
    Quantiles served,
    Quantiles uniform,
    Deviation deviation) {}
