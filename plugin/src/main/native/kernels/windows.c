/* Attention of whole windows. Rows attend in blocks, as in a decoder step (pass_attention.c). */
#include "windows.h"

#include <math.h>
#include <string.h>

enum { BLOCK_ROWS = 16 };

typedef struct {
  const calm_kernels *kernels;
  const calm_windows *w;
  calm_attention attention; /* of one key-value head */
  uint8_t *kv_blocks;
  size_t kv_block_bytes;
  float *queries, *running, *outputs; /* [CALM_MAX_QUERIES][head_dim] */
  void *rest;
} state;

static size_t kv_block_bytes_of(int32_t head_dim) {
  calm_attention one = {.heads = 1, .kv_heads = 1, .head_dim = head_dim, .kv = CALM_KV_FLOAT16};
  return (calm_kv_layer_bytes(&one) + 63) / 64 * 64;
}

static size_t queries_bytes(int32_t head_dim) {
  return ((size_t)CALM_MAX_QUERIES * (size_t)head_dim * sizeof(float) + 63) / 64 * 64;
}

size_t calm_window_scratch(const calm_windows *w) {
  size_t kv_blocks = ((size_t)w->length + CALM_KV_BLOCK - 1) / CALM_KV_BLOCK;
  return kv_blocks * kv_block_bytes_of(w->head_dim) + 3 * queries_bytes(w->head_dim) +
         calm_attend_scratch(w->head_dim);
}

static state state_of(const calm_kernels *kernels, const calm_windows *w, uint8_t *scratch) {
  state s = {.kernels = kernels, .w = w, .kv_blocks = scratch};
  s.attention = (calm_attention){.heads = w->heads / w->kv_heads,
                                 .kv_heads = 1,
                                 .head_dim = w->head_dim,
                                 .scale = (float)(1 / sqrt((double)w->head_dim)),
                                 .kv = CALM_KV_FLOAT16};
  s.kv_block_bytes = kv_block_bytes_of(w->head_dim);
  scratch += ((size_t)w->length + CALM_KV_BLOCK - 1) / CALM_KV_BLOCK * s.kv_block_bytes;
  size_t bytes = queries_bytes(w->head_dim);
  s.queries = (float *)scratch;
  s.running = (float *)(scratch + bytes);
  s.outputs = (float *)(scratch + 2 * bytes);
  s.rest = scratch + 3 * bytes;
  return s;
}

static void rotate(const state *s, const float *x, const float *norm, int position, float *target) {
  int32_t dim = s->w->head_dim, half = dim / 2;
  const float *cosines = s->w->rotary + (size_t)position * (size_t)dim;
  if (norm) {
    s->kernels->rms_norm(x, norm, target, dim, s->w->epsilon);
  } else {
    memcpy(target, x, (size_t)dim * sizeof(float));
  }
  s->kernels->rotate(target, cosines, cosines + half, half);
}

/* Returns 0 where a key or value is not finite. */
static int store(const state *s, const float *k, const float *v) {
  size_t dim = (size_t)s->w->head_dim, width = (size_t)s->w->kv_heads * dim;
  float *key = s->queries;
  memset(s->kv_blocks, 0, (size_t)((uint8_t *)s->queries - s->kv_blocks));
  for (int t = 0; t < s->w->length; t++) {
    const float *value = v + (size_t)t * width;
    rotate(s, k + (size_t)t * width, s->w->k_norm, t, key);
    if (!s->kernels->finite(key, dim) || !s->kernels->finite(value, dim)) {
      return 0;
    }
    uint8_t *kv_block = s->kv_blocks + (size_t)(t / CALM_KV_BLOCK) * s->kv_block_bytes;
    s->kernels->store_kv(&s->attention, kv_block, 0, t % CALM_KV_BLOCK, key, value);
  }
  return 1;
}

static int32_t first_seen(const state *s, int32_t position) {
  return s->w->seen == 0 || position < s->w->seen ? 0 : position - s->w->seen + 1;
}

/* Queries of the positions from first on, over the split that begins at `base`. */
static void attend_split(const state *s, int first, int count, int32_t base, calm_partial *partial,
                         float *outputs) {
  int shared = s->attention.heads;
  int32_t from[CALM_MAX_QUERIES], end[CALM_MAX_QUERIES];
  uint8_t *kv_blocks[CALM_SPLIT / CALM_KV_BLOCK] = {0};
  for (int i = 0; i < CALM_SPLIT / CALM_KV_BLOCK && base + i * CALM_KV_BLOCK < s->w->length; i++) {
    kv_blocks[i] = s->kv_blocks + (size_t)(base / CALM_KV_BLOCK + i) * s->kv_block_bytes;
  }
  for (int q = 0; q < count; q++) {
    int32_t position = first + q / shared;
    int32_t begin = first_seen(s, position) - base, after = position + 1 - base;
    from[q] = begin > 0 ? begin : 0;
    end[q] = after < CALM_SPLIT ? after : CALM_SPLIT;
  }
  s->kernels->attend(&s->attention, kv_blocks, 0, 1, s->queries, count, from, end, partial, outputs,
                     s->rest);
}

/* The results of `count` gathered queries, in s->running; sums: of their weights. */
static void attend(const state *s, int first, int last, int count, calm_partial *sums) {
  size_t dim = (size_t)s->w->head_dim;
  int32_t split = first_seen(s, first) / CALM_SPLIT, splits = last / CALM_SPLIT + 1;
  if (split + 1 == splits) { /* nothing to merge with */
    attend_split(s, first, count, split * CALM_SPLIT, sums, s->running);
    return;
  }
  memset(s->running, 0, (size_t)count * dim * sizeof(float));
  for (int q = 0; q < count; q++) {
    sums[q] = (calm_partial){-INFINITY, 0};
  }
  for (; split < splits; split++) {
    calm_partial partial[CALM_MAX_QUERIES];
    attend_split(s, first, count, split * CALM_SPLIT, partial, s->outputs);
    for (int q = 0; q < count; q++) {
      s->kernels->merge(&sums[q], s->running + (size_t)q * dim, &partial[q],
                        s->outputs + (size_t)q * dim, (int32_t)dim);
    }
  }
}

void calm_attend_window(const calm_kernels *kernels, const calm_windows *w, int kv_head,
                        const float *q, const float *k, const float *v, float *y, void *scratch) {
  state s = state_of(kernels, w, scratch);
  size_t dim = (size_t)w->head_dim, width = (size_t)w->heads * dim;
  int shared = s.attention.heads;
  int max_rows = CALM_MAX_QUERIES / shared < BLOCK_ROWS ? CALM_MAX_QUERIES / shared : BLOCK_ROWS;
  int finite = store(&s, k + (size_t)kv_head * dim, v + (size_t)kv_head * dim);
  size_t heads = (size_t)(kv_head * shared) * dim;
  for (int first = 0; first < w->length; first += max_rows) {
    int rows = w->length - first < max_rows ? w->length - first : max_rows, count = rows * shared;
    calm_partial sums[CALM_MAX_QUERIES];
    for (int i = 0; i < count; i++) {
      size_t at = (size_t)(first + i / shared) * width + heads + (size_t)(i % shared) * dim;
      rotate(&s, q + at, w->q_norm, first + i / shared, s.queries + (size_t)i * dim);
    }
    if (finite) {
      attend(&s, first, first + rows - 1, count, sums);
    }
    for (int i = 0; i < count; i++) {
      size_t at = (size_t)(first + i / shared) * width + heads + (size_t)(i % shared) * dim;
      kernels->divide(s.running + (size_t)i * dim, finite ? sums[i].sum : NAN, y + at,
                      w->head_dim);
    }
  }
}
