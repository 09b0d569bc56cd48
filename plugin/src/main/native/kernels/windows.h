/* Attention of whole windows, for a search; keys and values are kept for one call only. */
#ifndef CALM_WINDOWS_H
#define CALM_WINDOWS_H

#include "search.h"

typedef struct {
  int32_t heads, kv_heads, head_dim;
  int32_t length; /* positions of a window */
  int32_t seen;   /* positions that a query sees, its own included; 0: all before it */
  float epsilon;  /* of the head norms */
  const float *rotary;          /* [length][2][head_dim / 2] cosines, then sines */
  const float *q_norm, *k_norm; /* [head_dim], or NULL */
} calm_windows;

/* Bytes of scratch, aligned to 64, that calm_attend_window needs. */
size_t calm_window_scratch(const calm_windows *w);

/*
 * One key-value head of one window: q [length][heads * head_dim], k and v [length][kv_heads *
 * head_dim], y as q. The bits of a decoder's step with float16 keys and values; where one of these
 * is not finite, y is NaN.
 */
void calm_attend_window(const calm_kernels *kernels, const calm_windows *w, int kv_head,
                        const float *q, const float *k, const float *v, float *y, void *scratch);

/* Bytes of scratch, aligned to 64, that calm_attend_float_window needs. */
size_t calm_float_window_scratch(const calm_windows *w);

/* The same with keys and values in float32, and another order of sums. */
void calm_attend_float_window(const calm_kernels *kernels, const calm_search_kernels *search,
                              const calm_windows *w, int kv_head, const float *q, const float *k,
                              const float *v, float *y, void *scratch);

#endif
