/*
 * The native decoder step. This comment describes the whole design; the other files of this folder
 * hold its parts.
 *
 * Work. A step computes a batch of rows, one token each, from any mix of sequences: single tokens
 * to decode, chunks of prompts to prefill. It writes keys and values to the sequences' KV blocks
 * and logits for the rows that ask for them. Rows are computed in passes of up to 256 (MAX_ROWS),
 * which bounds the buffers; they are allocated once, with the decoder.
 *
 * Phases. A pass goes through the model block by block, and a block is a chain of phases:
 *
 *   rows       norm, rounding to int8                               pass_rows.c
 *   linears    q, k, v                                              pass_linear.c
 *   attention  rotation, storing keys and values, splits, merge     pass_attention.c
 *   linears    o
 *   rows       residual, norm, rounding
 *   linears    gate and up; SwiGLU and rounding are fused where scales are per group
 *   linears    down
 *
 * In the last block only rows that want logits continue after attention (keep_wanted); the head
 * computes these 32 rows at a time (pass_head.c). A phase is divided into independent items;
 * threads take items from the pool (pool.c), and the end of a phase is the only barrier. The
 * kernels themselves (kernels/calm.h) are pure functions of one variant and know neither threads
 * nor models.
 *
 * Cost. With few rows a step reads every weight once, so its time is the bytes of the weights over
 * the memory bandwidth; with many rows it is the products over the integer peak. Three choices
 * serve the first case: packed codes are read in place, from a copy on huge pages or from the
 * mapped artifact; the weights of the next norm are prefetched while the others are multiplied; and
 * items are small enough (six per thread in a linear) that an unevenly scheduled thread does not
 * hold up the rest. In the second case, chunks of 128 rows share a tile's unpacked codes while
 * these are in the cache. Attention over long sequences is divided into splits of 256 positions
 * that run on different threads.
 *
 * Invariants.
 * - A row's bits do not depend on the variant, the other rows, the division into passes, items and
 *   splits, or the number of threads. Borders of splits are fixed positions, sums run in a fixed
 *   order, and no item adds to the output of another.
 * - Rows of a sequence are adjacent and ascending, so a row sees the keys that earlier rows of the
 *   same pass have stored in the same block.
 * - A row that is not finite is marked in `failed`, and the step ends after that phase with the
 *   place of the failure; the other rows are not affected and can be computed in a new step.
 * - A weight file that is cut short while mapped ends the step with CALM_UNREADABLE instead of the
 *   process (guard.h). The pool is released in every case.
 * - One step at a time per decoder. The pool is shared by all decoders of the process.
 *
 * Sources. FlashAttention (arXiv 2205.14135) for the running maximum and sum; FlashDecoding++
 * (arXiv 2311.01282) for dividing the keys; the arithmetic is specified in docs/reference/w4a8.md.
 */
#include "decoder.h"

#include "clock.h"
#include "guard.h"
#include "pass.h"
#include "pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAIL_BASE = 16 };

/* Memory for the results of splits that are computed separately, until they are merged. */
enum { PARTIAL_BYTES = 4 << 20 };

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }
static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

/* ---- memory ---- */

/* Allocates aligned pieces of one block of memory; without memory it only counts. */
typedef struct {
  uint8_t *base;
  size_t used;
} arena;

static void *take(arena *a, size_t bytes) {
  void *piece = a->base ? a->base + a->used : NULL;
  a->used += (bytes + 63) / 64 * 64;
  return piece;
}

static void take_rows(arena *a, calm_rows *rows, int count, int32_t group, int32_t groups) {
  rows->group = group;
  rows->groups = groups;
  rows->stride = calm_row_stride((size_t)group * (size_t)groups);
  rows->codes = take(a, (size_t)count * rows->stride);
  rows->scales = take(a, (size_t)count * (size_t)groups * sizeof(float));
  rows->sums = take(a, (size_t)count * (size_t)groups * sizeof(float));
}

static void lay_out(calm_decoder *d, arena *a) {
  const calm_shape *s = &d->shape;
  size_t rows = MAX_ROWS, widest = 0, widest_padded = 0;
  for (int stage = 0; stage < CALM_STAGES; stage++) {
    const calm_linear *w = &d->blocks[0].linears[calm_stage_linears[stage][0]];
    take_rows(a, &d->stages[stage], MAX_ROWS, w->group, w->groups);
    widest = max_size(widest, (size_t)calm_pass_inputs(s, stage));
    widest_padded = max_size(widest_padded, d->stages[stage].stride);
  }
  if (d->head.format == CALM_INT8) {
    take_rows(a, &d->head_rows, HEAD_ROWS, d->head.int8.group, d->head.int8.groups);
  } else if (d->head.format == CALM_INT4) {
    take_rows(a, &d->head_rows, HEAD_ROWS, d->head.int4.group, d->head.int4.groups);
  }
  widest_padded = max_size(widest_padded, d->head_rows.stride);
  d->residual = take(a, rows * (size_t)s->hidden * sizeof(float));
  d->input = take(a, rows * widest * sizeof(float));
  d->head_input = take(a, HEAD_ROWS * (size_t)s->hidden * sizeof(float));
  for (int linear = 0; linear < CALM_LINEARS; linear++) {
    d->outputs[linear] = take(a, rows * (size_t)calm_pass_outputs(s, linear) * sizeof(float));
  }
  size_t partial = sizeof(calm_partial) + (size_t)s->head_dim * sizeof(float);
  d->max_partials = (int32_t)(PARTIAL_BYTES / partial);
  d->partials = take(a, (size_t)d->max_partials * sizeof(calm_partial));
  d->partial_outputs = take(a, (size_t)d->max_partials * (size_t)s->head_dim * sizeof(float));
  size_t gathered = 3 * CALM_MAX_QUERIES * (size_t)s->head_dim * sizeof(float);
  d->scratch_bytes = max_size(d->kernels->scratch_bytes((int32_t)widest_padded),
                              calm_attend_scratch(s->head_dim) + gathered);
  d->scratch_bytes = (d->scratch_bytes + 63) / 64 * 64;
  d->scratch = take(a, (size_t)d->threads * d->scratch_bytes);
  d->busy = take(a, (size_t)d->threads * sizeof *d->busy);
}

calm_decoder *calm_decoder_create(const calm_kernels *kernels, const calm_shape *shape,
                                  const calm_block *blocks, const calm_table *embeddings,
                                  const calm_table *head, const float *final_norm, int threads) {
  calm_guard_install();
  calm_decoder *d = calloc(1, sizeof *d);
  if (!d) {
    return NULL;
  }
  d->kernels = kernels;
  d->shape = *shape;
  d->attention = (calm_attention){shape->heads, shape->kv_heads, shape->head_dim,
                                  (float)(1 / sqrt((double)shape->head_dim)), shape->kv};
  d->embeddings = *embeddings;
  d->head = *head;
  d->final_norm = final_norm;
  d->threads = threads < 1 ? 1 : threads > 255 ? 255 : threads;
  d->layer_bytes = calm_kv_layer_bytes(&d->attention);
  size_t block_bytes = (size_t)shape->layers * sizeof *blocks;
  d->blocks = malloc(block_bytes);
  if (d->blocks) {
    memcpy(d->blocks, blocks, block_bytes);
    arena a = {NULL, 0};
    lay_out(d, &a);
    if (posix_memalign(&d->memory, 64, a.used) == 0) {
      memset(d->memory, 0, a.used);
      a = (arena){d->memory, 0};
      lay_out(d, &a);
      return d;
    }
    d->memory = NULL;
  }
  calm_decoder_free(d);
  return NULL;
}

size_t calm_decoder_kv_block_bytes(const calm_shape *shape) {
  calm_attention a = {shape->heads, shape->kv_heads, shape->head_dim, 0, shape->kv};
  /* Values are read in whole vectors, so the last ones may be read a little beyond their end. */
  return calm_kv_layer_bytes(&a) * (size_t)shape->layers + 64;
}

void calm_decoder_free(calm_decoder *d) {
  if (d) {
    free(d->memory);
    free(d->blocks);
    free(d);
  }
}

/* ---- the step ---- */

/* Prefetches the weights of a norm: one thread would read them while the others wait. */
static void fetch_norm(const pass *p, const float *weights) {
  for (int32_t i = 0; i < p->d->shape.hidden; i += CALM_TILE) {
    __builtin_prefetch(weights + i);
  }
}

static void copy_row(calm_rows *x, int from, int to) {
  size_t groups = (size_t)x->groups, bytes = groups * sizeof(float);
  memcpy(x->codes + (size_t)to * x->stride, x->codes + (size_t)from * x->stride, x->stride);
  memcpy(x->scales + (size_t)to * groups, x->scales + (size_t)from * groups, bytes);
  memcpy(x->sums + (size_t)to * groups, x->sums + (size_t)from * groups, bytes);
}

/* Keeps the rows that want logits; the last block's results for the others are not used. */
static void keep_wanted(pass *p) {
  calm_decoder *d = p->d;
  int32_t width = d->shape.hidden;
  int kept = 0;
  for (int row = 0; row < p->rows; row++) {
    if (p->step->logits[p->first + row] < 0) {
      continue;
    }
    if (kept < row) {
      memcpy(row_of(d->residual, kept, width), row_of(d->residual, row, width),
             (size_t)width * sizeof(float));
      copy_row(&d->stages[CALM_ATTENTION_OUT], row, kept);
    }
    p->origin[kept++] = row;
  }
  p->rows = kept;
}

/* Returns CALM_OK or the stage that failed. */
static int run_block(pass *p) {
  calm_pass_attention_in(p);
  if (p->failures) {
    return CALM_ATTENTION_IN;
  }
  calm_pass_multiply(p, CALM_ATTENTION_IN);
  calm_pass_attend(p);
  if (p->failures) {
    return p->kv_failures ? CALM_FAILED_KV : CALM_ATTENTION_OUT;
  }
  if (p->layer == p->d->shape.layers - 1) {
    keep_wanted(p);
  }
  fetch_norm(p, p->block->norms[CALM_MLP_NORM]);
  calm_pass_multiply(p, CALM_ATTENTION_OUT);
  calm_pass_mlp_in(p);
  if (p->failures) {
    return CALM_MLP_IN;
  }
  if (p->d->shape.per_token) {
    calm_pass_multiply(p, CALM_MLP_IN);
    calm_pass_mlp_out(p);
  } else {
    calm_pass_multiply_gated(p);
  }
  if (p->failures) {
    return CALM_MLP_OUT;
  }
  if (p->layer + 1 < p->d->shape.layers) {
    fetch_norm(p, p->block[1].norms[CALM_ATTENTION_NORM]);
  } else {
    fetch_norm(p, p->d->final_norm);
  }
  calm_pass_multiply(p, CALM_MLP_OUT);
  return CALM_OK;
}

static int run_pass(pass *p) {
  for (int row = 0; row < p->rows; row++) {
    p->origin[row] = row;
  }
  calm_pass_embed(p);
  calm_pass_find_blocks(p);
  for (p->layer = 0; p->layer < p->d->shape.layers; p->layer++) {
    p->block = &p->d->blocks[p->layer];
    int failure = run_block(p);
    if (failure != CALM_OK) {
      return p->layer * FAIL_BASE + failure;
    }
  }
  int failure = calm_pass_head(p);
  return failure == CALM_OK ? CALM_OK : p->layer * FAIL_BASE + failure;
}

/* Converts a step's ticks to nanoseconds and adds them to `times`. */
static void add_times(calm_times *times, const calm_times *ticks, int64_t nanos) {
  double unit = ticks->wall > 0 ? (double)nanos / (double)ticks->wall : 0;
  times->linear += (int64_t)((double)ticks->linear * unit);
  times->attention += (int64_t)((double)ticks->attention * unit);
  times->head += (int64_t)((double)ticks->head * unit);
  times->rows += (int64_t)((double)ticks->rows * unit);
  times->wall += nanos;
}

static int run_passes(calm_decoder *d, const calm_step *step, calm_times *ticks) {
  int result = CALM_OK;
  for (int first = 0; first < step->rows && result == CALM_OK; first += MAX_ROWS) {
    pass p = {.d = d, .step = step, .first = first, .times = ticks};
    p.rows = (int)min_size((size_t)(step->rows - first), MAX_ROWS);
    p.failed = step->failed + first;
    result = run_pass(&p);
  }
  return result;
}

/* Runs the passes with a return point for reads of a file that was cut short. */
static int run_guarded(calm_decoder *d, const calm_step *step, calm_times *ticks) {
  volatile int result = CALM_UNREADABLE;
  sigjmp_buf place;
  sigjmp_buf *before = calm_guard_enter(&place);
  if (sigsetjmp(place, 0) == 0) {
    result = run_passes(d, step, ticks);
  }
  calm_guard_leave(before);
  return result;
}

int calm_decoder_step(calm_decoder *d, const calm_step *step, calm_times *times) {
  calm_times ticks = {0, 0, 0, 0, 0};
  int64_t start = calm_clock(), start_ticks = calm_ticks();
  calm_pool_acquire(calm_pool_useful(d->threads));
  int result = run_guarded(d, step, times ? &ticks : NULL);
  calm_pool_release();
  if (times) {
    ticks.wall = calm_ticks() - start_ticks;
    add_times(times, &ticks, calm_clock() - start);
  }
  return result;
}
