package io.calm.report;

/**
 * A measured number.
 *
 * @param standardError NaN if it is not known
 */
public record MeasuredValue(double mean, double standardError) {}
