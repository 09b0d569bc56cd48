/* Limits of the machine, and kernels against them: what `calm bench kernels` measures. */
#ifndef CALM_BENCH_H
#define CALM_BENCH_H

#include "calm.h"

/* Bytes a second that `threads` read from a buffer, the best of `rounds` passes over it. */
double calm_bench_read(const uint8_t *buffer, size_t bytes, int threads, int rounds);

/*
 * Integer multiply-adds a second of the variant's own instruction on registers alone; 0 where the
 * variant has none to measure.
 */
double calm_bench_peak(int variant, int threads);

/* The same of float32 multiply-adds, which attention computes with. */
double calm_bench_float_peak(int variant, int threads);

/*
 * Seconds of one product of `rows` rows with one copy of a weight, the best of `rounds` passes over
 * `copies` that lie one after the other in the buffers of `w`.
 */
double calm_bench_linear(int variant, const calm_linear *w, int copies, int rows, int threads,
                         int rounds);

#endif
