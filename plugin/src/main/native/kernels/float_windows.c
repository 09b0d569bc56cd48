/*
 * Attention of whole windows in float32, for the full-precision model of a search. Queries of 64
 * positions share a product with the keys up to the last of them.
 */
#include "windows.h"

#include <math.h>
#include <string.h>

enum { POSITIONS = 64 };

static size_t padded(size_t count) { return (count + 15) / 16 * 16; }

typedef struct {
  float *keys, *queries, *scores, *product;
} areas;

static areas areas_of(const calm_windows *w, float *scratch) {
  size_t dim = padded((size_t)w->head_dim), length = padded((size_t)w->length);
  areas all = {.product = scratch, .keys = scratch + CALM_PRODUCT_FLOATS};
  all.queries = all.keys + length * dim;
  all.scores = all.queries + POSITIONS * dim;
  return all;
}

size_t calm_float_window_scratch(const calm_windows *w) {
  size_t dim = padded((size_t)w->head_dim), length = padded((size_t)w->length);
  return (CALM_PRODUCT_FLOATS + length * dim + POSITIONS * (dim + length)) * sizeof(float);
}

static void rotate(const calm_kernels *kernels, const calm_windows *w, const float *x,
                   const float *norm, int position, float *target) {
  int32_t dim = w->head_dim, half = dim / 2;
  const float *cosines = w->rotary + (size_t)position * (size_t)dim;
  if (norm) {
    kernels->rms_norm(x, norm, target, dim, w->epsilon);
  } else {
    memcpy(target, x, (size_t)dim * sizeof(float));
  }
  kernels->rotate(target, cosines, cosines + half, half);
}

/* The positions from first (inclusive) to end (exclusive) of one query head. */
static void attend(const calm_kernels *kernels, const calm_search_kernels *search,
                   const calm_windows *w, const areas *all, int first, int end, const float *q,
                   const float *v, float *y) {
  ptrdiff_t dim = w->head_dim, row = (ptrdiff_t)padded((size_t)w->length), width = w->heads * dim;
  for (int t = first; t < end; t++) {
    rotate(kernels, w, q + t * width, w->q_norm, t, all->queries + (t - first) * dim);
  }
  calm_product scores = {.a = all->queries, .b = all->keys, .a_row = dim, .a_step = 1, .b_step = 1,
                         .b_column = dim, .c_row = row, .depth = w->head_dim, .fresh = 1,
                         .alpha = 1, .c = all->scores};
  search->add_product(&scores, (const int32_t[]){0, end - first, 0, end}, all->product);
  float sums[POSITIONS];
  for (int t = first; t < end; t++) {
    int32_t from = w->seen == 0 || t < w->seen ? 0 : t - w->seen + 1;
    sums[t - first] = search->softmax(all->scores + (t - first) * row, from, t + 1,
                                      (int)padded((size_t)end), (float)(1 / sqrt((double)dim))).sum;
  }
  calm_product values = {.a = all->scores, .b = v, .a_row = row, .a_step = 1,
                         .b_step = w->kv_heads * dim, .b_column = 1, .c_row = width, .depth = end,
                         .fresh = 1, .alpha = 1, .c = y + first * width};
  search->add_product(&values, (const int32_t[]){0, end - first, 0, w->head_dim}, all->product);
  for (int t = first; t < end; t++) {
    kernels->divide(y + t * width, sums[t - first], y + t * width, w->head_dim);
  }
}

void calm_attend_float_window(const calm_kernels *kernels, const calm_search_kernels *search,
                              const calm_windows *w, int kv_head, const float *q, const float *k,
                              const float *v, float *y, void *scratch) {
  areas all = areas_of(w, scratch);
  ptrdiff_t dim = w->head_dim;
  for (int t = 0; t < w->length; t++) {
    rotate(kernels, w, k + (t * w->kv_heads + kv_head) * dim, w->k_norm, t, all.keys + t * dim);
  }
  int shared = w->heads / w->kv_heads;
  for (int head = kv_head * shared; head < (kv_head + 1) * shared; head++) {
    for (int first = 0; first < w->length; first += POSITIONS) {
      int end = first + POSITIONS < w->length ? first + POSITIONS : w->length;
      attend(kernels, search, w, &all, first, end, q + head * dim, v + kv_head * dim,
             y + head * dim);
    }
  }
}
