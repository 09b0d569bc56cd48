package io.calm.quant;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Parallel;

/**
 * The threads of a search and the kernels that they run.
 *
 * @param parallel the threads
 * @param kernels the innermost loops, in Java or in C
 */
public record Compute(Parallel parallel, SearchKernels kernels) {}
