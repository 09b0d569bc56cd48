package io.calm.quant;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Parallel;

/**
 * The means to compute: threads and the loops that run on them.
 *
 * @param parallel the threads
 * @param kernels the innermost loops, in Java or in C
 */
public record Compute(Parallel parallel, SearchKernels kernels) {}
