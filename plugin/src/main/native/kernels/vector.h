/*
 * The functions that are defined once for each register width: vector, attention, columns, grid,
 * gram, gptq, tile, product and divergence.
 */
#ifndef CALM_VECTOR_H
#define CALM_VECTOR_H

#include "search.h"

#define CALM_JOIN_(a, b) calm_##a##_##b
#define CALM_JOIN(a, b) CALM_JOIN_(a, b)

#define CALM_DECLARE_VECTOR(width)                                                                \
  int CALM_JOIN(quantize, width)(const float *x, int32_t inputs, int per_token,                   \
                                 calm_rows *target, int row, int from, int to);                   \
  void CALM_JOIN(rms_norm, width)(const float *x, const float *weight, float *y, int32_t width_,  \
                                  float epsilon);                                                 \
  void CALM_JOIN(rotate, width)(float *head, const float *cosines, const float *sines,            \
                                int32_t half);                                                    \
  void CALM_JOIN(swiglu, width)(const float *gate, const float *up, float *y, int32_t width_);    \
  void CALM_JOIN(add, width)(float *target, const float *addend, int32_t width_);                 \
  int CALM_JOIN(finite, width)(const float *x, size_t count);                                     \
  int CALM_JOIN(weigh, width)(const float *x, size_t count, calm_partial *result);                \
  void CALM_JOIN(divide, width)(const float *x, float divisor, float *y, int32_t width_);         \
  void CALM_JOIN(read_half, width)(const uint16_t *row, float *target, int32_t width_);           \
  void CALM_JOIN(read_row4, width)(const calm_linear *w, int row, float *target);                 \
  void CALM_JOIN(read_row8, width)(const calm_table8 *w, int row, float *target);                 \
  void CALM_JOIN(multiply_float, width)(const float *table, const float *x, int32_t width_,       \
                                        int rows, int from, int to, float *y, size_t y_stride);   \
  void CALM_JOIN(multiply_half, width)(const uint16_t *table, const float *x, int32_t width_,     \
                                       int rows, int from, int to, float *y, size_t y_stride);    \
  void CALM_JOIN(store_kv, width)(const calm_attention *a, uint8_t *layer, int kv_head, int slot, \
                                  const float *key, const float *value);                          \
  void CALM_JOIN(fetch_kv, width)(const calm_attention *a, const uint8_t *layer, int kv_head,     \
                                  int slot);                                                      \
  void CALM_JOIN(attend, width)(const calm_attention *a, uint8_t *const *kv_blocks, int kv_head,  \
                                int heads, const float *queries, int count, const int32_t *from,  \
                                const int32_t *end, calm_partial *partial, float *outputs,        \
                                void *scratch);                                                   \
  void CALM_JOIN(merge, width)(calm_partial *running, float *outputs, const calm_partial *split,  \
                               const float *addend, int32_t head_dim);                            \
  void CALM_JOIN(fit_grids, width)(const float *w, int32_t outputs, int32_t inputs, int32_t group, \
                                   const float *importance, const float *starts, int count,       \
                                   int rounds, float *scales, float *minimums);                   \
  void CALM_JOIN(encode, width)(const float *row, int32_t inputs, int32_t group,                  \
                                const float *scales, const float *minimums, int8_t *target);      \
  void CALM_JOIN(round_inputs, width)(float *row, int32_t inputs, int32_t group);                 \
  void CALM_JOIN(column_statistics, width)(const float *x, int rows, int32_t width_,              \
                                           int32_t from, int32_t to, float *target);              \
  void CALM_JOIN(add_gram, width)(const float *x, int rows, int32_t width_, int from, int to,     \
                                  float *gram, float *scratch);                                   \
  void CALM_JOIN(walk_columns, width)(const calm_walk *walk, size_t from, size_t to);             \
  void CALM_JOIN(add_tile, width)(const double *left, const double *right, int height,            \
                                int width_, int depth, double *product);                          \
  void CALM_JOIN(add_product, width)(const calm_product *product, const int32_t *part,            \
                                     float *scratch);                                             \
  void CALM_JOIN(add_divergence, width)(const float *a, const float *b, int count,                \
                                        calm_divergence *sums);                                   \
  calm_partial CALM_JOIN(softmax, width)(float *scores, int32_t from, int32_t end, int positions, \
                                         float scale)

CALM_DECLARE_VECTOR(scalar);
CALM_DECLARE_VECTOR(avx2);
CALM_DECLARE_VECTOR(avx512);
CALM_DECLARE_VECTOR(neon);

#ifdef CALM_WIDTH
#define CALM_NAME(function) CALM_JOIN(function, CALM_WIDTH)
#endif

#endif
