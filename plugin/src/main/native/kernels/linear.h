/* The products of every variant (calm_kernels in calm.h). */
#ifndef CALM_LINEAR_H
#define CALM_LINEAR_H

#include "calm.h"

#define CALM_DECLARE_LINEAR(variant)                                                              \
  size_t calm_scratch_##variant(int32_t padded_inputs);                                           \
  void calm_multiply4_##variant(const calm_linear *w, const calm_rows *x, int rows, int from,     \
                                int to, float *y, size_t y_stride, void *scratch);                \
  void calm_multiply8_##variant(const calm_table8 *w, const calm_rows *x, int rows, int from,     \
                                int to, float *y, size_t y_stride, void *scratch)

CALM_DECLARE_LINEAR(scalar);
CALM_DECLARE_LINEAR(avx2);
CALM_DECLARE_LINEAR(avxvnni);
CALM_DECLARE_LINEAR(avx512vnni);
CALM_DECLARE_LINEAR(amx);
CALM_DECLARE_LINEAR(neon);

#endif
