/*
 * The attention of a pass: rotation, keys and values stored, and blocks of rows over the splits of
 * the stored positions. The division of heads and splits into items changes no bit.
 */
#include "pass.h"

#include <math.h>
#include <string.h>

enum {
  BLOCK_ROWS = 16,      /* maximum rows of one sequence that attend together */
  ITEMS_PER_THREAD = 8, /* if the heads suffice */
};

/* Key-value heads that one item visits together. */
typedef struct {
  int first, end;
} head_range;

static uint8_t *kv_block_of(const pass *p, int row, int32_t position) {
  const calm_step *s = p->step;
  int32_t list = s->kv_block_from[s->sequences[p->first + row]];
  return s->kv_blocks[list + position / CALM_KV_BLOCK] + (size_t)p->layer * p->d->layer_bytes;
}

static void rotate_head(const pass *p, int row, int norm, float *x) {
  const calm_decoder *d = p->d;
  int32_t dim = d->shape.head_dim, half = dim / 2;
  const float *cosines = p->step->rotary + (size_t)(p->first + row) * (size_t)dim;
  if (p->block->norms[norm]) {
    d->kernels->rms_norm(x, p->block->norms[norm], x, dim, d->shape.epsilon);
  }
  d->kernels->rotate(x, cosines, cosines + half, half);
}

/* One key-value head and its query heads. Returns 0 if a number is not finite. */
static int rotate_and_store_head(pass *p, int row, int kv_head) {
  calm_decoder *d = p->d;
  const calm_shape *s = &d->shape;
  int32_t dim = s->head_dim, shared = s->heads / s->kv_heads;
  float *queries = row_of(d->outputs[CALM_Q], row, s->heads * dim) + kv_head * shared * dim;
  float *key = row_of(d->outputs[CALM_K], row, s->kv_heads * dim) + kv_head * dim;
  float *value = row_of(d->outputs[CALM_V], row, s->kv_heads * dim) + kv_head * dim;
  for (int head = 0; head < shared; head++) {
    rotate_head(p, row, CALM_Q_NORM, queries + head * dim);
  }
  rotate_head(p, row, CALM_K_NORM, key);
  if (!d->kernels->finite(key, (size_t)dim) || !d->kernels->finite(value, (size_t)dim)) {
    __atomic_store_n(&p->kv_failures, 1, __ATOMIC_RELAXED);
    calm_pass_fail_row(p, row);
    return 0; /* KV blocks only ever hold numbers, so a weight of zero silences what it meets */
  }
  int32_t position = p->step->positions[p->first + row];
  d->kernels->store_kv(&d->attention, kv_block_of(p, row, position), kv_head,
                       position % CALM_KV_BLOCK, key, value);
  return 1;
}

/* Rotates and stores the heads of a row; prefetches where they go first. */
static int rotate_and_store_heads(pass *p, int row, head_range heads) {
  const calm_decoder *d = p->d;
  int32_t position = p->step->positions[p->first + row];
  const uint8_t *kv_block = kv_block_of(p, row, position);
  for (int head = heads.first; head < heads.end; head++) {
    d->kernels->fetch_kv(&d->attention, kv_block, head, position % CALM_KV_BLOCK);
  }
  for (int head = heads.first; head < heads.end; head++) {
    if (!rotate_and_store_head(p, row, head)) {
      return 0;
    }
  }
  return 1;
}

static void rotate_and_store(pass *p, int item, int worker) {
  (void)worker;
  FOR_ROWS(row, item, p->rows) {
    for (int head = 0; head < p->d->shape.kv_heads; head++) {
      rotate_and_store_head(p, row, head);
    }
  }
}

static int32_t first_seen(const pass *p, int32_t position) {
  int32_t window = p->block->window;
  return window == 0 || position < window ? 0 : position - window + 1;
}

void calm_pass_find_blocks(pass *p) {
  int shared = p->d->shape.heads / p->d->shape.kv_heads;
  int max_rows = CALM_MAX_QUERIES / shared < BLOCK_ROWS ? CALM_MAX_QUERIES / shared : BLOCK_ROWS;
  const int32_t *sequences = p->step->sequences + p->first;
  p->blocks = 0;
  p->decodes = 1;
  for (int row = 0; row < p->rows;) {
    int end = row + 1;
    while (end < p->rows && end - row < max_rows && sequences[end] == sequences[row]) {
      end++;
    }
    p->decodes &= end == row + 1 && (row == 0 || sequences[row] != sequences[row - 1]);
    p->row_blocks[p->blocks++] = (row_block){.first = row, .end = end};
    row = end;
  }
}

/* Finds the splits that the blocks' rows see in this layer; returns how many results they make. */
static int64_t find_splits(pass *p) {
  int64_t results = 0;
  for (int b = 0; b < p->blocks; b++) {
    row_block *block = &p->row_blocks[b];
    const int32_t *positions = p->step->positions + p->first;
    block->first_split = first_seen(p, positions[block->first]) / CALM_SPLIT;
    block->splits = positions[block->end - 1] / CALM_SPLIT + 1 - block->first_split;
    block->partial = (int32_t)results; /* only looked at where all of them have room */
    results += (int64_t)block->splits * p->d->shape.heads * (block->end - block->first);
  }
  return results;
}

static int parts_of(const pass *p, const row_block *block) {
  return (p->d->shape.kv_heads + block->heads_each - 1) / block->heads_each;
}

static head_range heads_of(const pass *p, const row_block *block, int part) {
  int first = part * block->heads_each, end = first + block->heads_each;
  return (head_range){first, end < p->d->shape.kv_heads ? end : p->d->shape.kv_heads};
}

/*
 * Divides the blocks into items of about one size. Of a block of one row as many heads are visited
 * together as leave enough items, because their keys are read as one stream; blocks of more rows
 * have their keys in the cache. Returns the number of items.
 */
static int divide_blocks(pass *p, int apart) {
  const calm_shape *s = &p->d->shape;
  int max_heads = CALM_MAX_QUERIES / (s->heads / s->kv_heads), items = 0;
  max_heads = max_heads < s->kv_heads ? max_heads : s->kv_heads;
  int64_t all = 0; /* heads of a split and row */
  for (int b = 0; b < p->blocks; b++) {
    const row_block *block = &p->row_blocks[b];
    all += (int64_t)block->splits * s->kv_heads * (block->end - block->first);
  }
  int64_t share = all / (ITEMS_PER_THREAD * p->d->threads);
  for (int b = 0; b < p->blocks; b++) {
    row_block *block = &p->row_blocks[b];
    int64_t heads = block->end - block->first > 1 ? 1 : apart ? share : share / block->splits;
    block->heads_each = heads < 1 ? 1 : heads < max_heads ? (int32_t)heads : max_heads;
    block->item = items;
    items += parts_of(p, block) * (apart ? block->splits : 1);
  }
  return items;
}

/* The block that an item is of. */
static const row_block *block_of(const pass *p, int item) {
  int low = 0, high = p->blocks;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (p->row_blocks[middle].item <= item) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return &p->row_blocks[low];
}

/* Queries of each key-value head that a block's rows have. */
static int queries_of(const pass *p, const row_block *block) {
  return (block->end - block->first) * (p->d->shape.heads / p->d->shape.kv_heads);
}

/* The queries [heads][queries][head_dim] of a block's rows; those of more rows in `gathered`. */
static const float *gather(const pass *p, const row_block *block, head_range heads,
                           float *gathered) {
  const calm_shape *s = &p->d->shape;
  int rows = block->end - block->first;
  size_t width = (size_t)(s->heads / s->kv_heads) * (size_t)s->head_dim;
  for (int r = 0; r < rows; r++) {
    const float *of_row = row_of(p->d->outputs[CALM_Q], block->first + r, s->heads * s->head_dim);
    of_row += (size_t)heads.first * width;
    if (rows == 1) {
      return of_row;
    }
    memcpy(gathered + (size_t)r * width, of_row, width * sizeof(float));
  }
  return gathered;
}

static void attend_split(const pass *p, const row_block *block, head_range heads, int split,
                         const float *queries, calm_partial *partial, float *outputs,
                         void *scratch) {
  const calm_shape *s = &p->d->shape;
  int shared = s->heads / s->kv_heads, count = queries_of(p, block);
  int32_t base = (block->first_split + split) * CALM_SPLIT;
  int32_t last = p->step->positions[p->first + block->end - 1];
  int32_t from[CALM_MAX_QUERIES], end[CALM_MAX_QUERIES];
  uint8_t *kv_blocks[CALM_SPLIT / CALM_KV_BLOCK] = {0};
  for (int i = 0; i < CALM_SPLIT / CALM_KV_BLOCK && base + i * CALM_KV_BLOCK <= last; i++) {
    kv_blocks[i] = kv_block_of(p, block->first, base + i * CALM_KV_BLOCK);
  }
  for (int q = 0; q < count; q++) {
    int32_t position = p->step->positions[p->first + block->first + q / shared];
    int32_t first = first_seen(p, position) - base, after = position + 1 - base;
    from[q] = first > 0 ? first : 0;
    end[q] = after < CALM_SPLIT ? after : CALM_SPLIT;
  }
  p->d->kernels->attend(&p->d->attention, kv_blocks, heads.first, heads.end - heads.first, queries,
                        count, from, end, partial, outputs, scratch);
}

static void write_query(const pass *p, const row_block *block, int kv_head, int query,
                        const calm_partial *sum, const float *output) {
  const calm_shape *s = &p->d->shape;
  int shared = s->heads / s->kv_heads;
  int row = block->first + query / shared, head = kv_head * shared + query % shared;
  float *target = row_of(p->d->input, row, s->heads * s->head_dim) + head * s->head_dim;
  p->d->kernels->divide(output, sum->sum, target, s->head_dim);
}

/* Whether a key-value head's outputs are whole groups of the next linear's inputs. */
static int heads_are_groups(const calm_decoder *d) {
  int32_t width = d->shape.heads / d->shape.kv_heads * d->shape.head_dim;
  return !d->shape.per_token && width % d->stages[CALM_ATTENTION_OUT].group == 0;
}

/* Rounds the outputs of key-value heads whose groups belong to them alone. */
static void round_heads(pass *p, const row_block *block, head_range heads) {
  calm_decoder *d = p->d;
  if (!heads_are_groups(d)) {
    return;
  }
  int32_t inputs = calm_pass_inputs(&d->shape, CALM_ATTENTION_OUT);
  int32_t width = inputs / d->shape.kv_heads;
  int groups = width / d->stages[CALM_ATTENTION_OUT].group;
  for (int row = block->first; row < block->end; row++) {
    const float *x = row_of(d->input, row, inputs) + heads.first * width;
    if (!d->kernels->quantize(x, inputs, 0, &d->stages[CALM_ATTENTION_OUT], row,
                              heads.first * groups, heads.end * groups)) {
      calm_pass_fail_row(p, row);
    }
  }
}

/* All splits of a block, one after the other. */
static void attend_block(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  int32_t dim = d->shape.head_dim;
  const row_block *block = block_of(p, item);
  head_range heads = heads_of(p, block, item - block->item);
  float *gathered = calm_pass_scratch(d, worker);
  float *running = gathered + (size_t)CALM_MAX_QUERIES * (size_t)dim;
  float *outputs = running + (size_t)CALM_MAX_QUERIES * (size_t)dim;
  void *rest = outputs + (size_t)CALM_MAX_QUERIES * (size_t)dim;
  calm_partial sums[CALM_MAX_QUERIES], partial[CALM_MAX_QUERIES];
  if (p->decodes && !rotate_and_store_heads(p, block->first, heads)) {
    return;
  }
  const float *queries = gather(p, block, heads, gathered);
  int each = queries_of(p, block), count = (heads.end - heads.first) * each;
  if (block->splits == 1) { /* nothing to merge with */
    attend_split(p, block, heads, 0, queries, sums, running, rest);
  } else {
    memset(running, 0, (size_t)count * (size_t)dim * sizeof(float));
    for (int q = 0; q < count; q++) {
      sums[q] = (calm_partial){-INFINITY, 0};
    }
    for (int split = 0; split < block->splits; split++) {
      attend_split(p, block, heads, split, queries, partial, outputs, rest);
      for (int q = 0; q < count; q++) {
        d->kernels->merge(&sums[q], row_of(running, q, dim), &partial[q], row_of(outputs, q, dim),
                          dim);
      }
    }
  }
  for (int q = 0; q < count; q++) {
    write_query(p, block, heads.first + q / each, q % each, &sums[q], row_of(running, q, dim));
  }
  round_heads(p, block, heads);
}

/* Where the results of a block's split and key-value head lie. */
static int32_t partial_at(const pass *p, const row_block *block, int kv_head, int split) {
  return block->partial + (split * p->d->shape.kv_heads + kv_head) * queries_of(p, block);
}

static void attend_apart(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  const row_block *block = block_of(p, item);
  int parts = parts_of(p, block), split = (item - block->item) / parts;
  head_range heads = heads_of(p, block, (item - block->item) % parts);
  float *gathered = calm_pass_scratch(d, worker);
  int32_t at = partial_at(p, block, heads.first, split);
  attend_split(p, block, heads, split, gather(p, block, heads, gathered), d->partials + at,
               row_of(d->partial_outputs, at, d->shape.head_dim),
               gathered + 3 * (size_t)CALM_MAX_QUERIES * (size_t)d->shape.head_dim);
}

static void merge_apart(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  int32_t dim = d->shape.head_dim;
  const row_block *block = &p->row_blocks[item / d->shape.kv_heads];
  int kv_head = item % d->shape.kv_heads;
  float *running = calm_pass_scratch(d, worker);
  for (int q = 0; q < queries_of(p, block); q++) {
    calm_partial sum = {-INFINITY, 0};
    memset(running, 0, (size_t)dim * sizeof(float));
    for (int split = 0; split < block->splits; split++) {
      int32_t at = partial_at(p, block, kv_head, split) + q;
      d->kernels->merge(&sum, running, &d->partials[at], row_of(d->partial_outputs, at, dim), dim);
    }
    write_query(p, block, kv_head, q, &sum, running);
  }
  round_heads(p, block, (head_range){kv_head, kv_head + 1});
}

static void attention_out(pass *p, int item, int worker) {
  (void)worker;
  int32_t width = calm_pass_inputs(&p->d->shape, CALM_ATTENTION_OUT);
  FOR_ROWS(row, item, p->rows) {
    calm_pass_round_row(p, CALM_ATTENTION_OUT, row, row_of(p->d->input, row, width));
  }
}

void calm_pass_attend(pass *p) {
  const calm_decoder *d = p->d;
  int heads = p->blocks * d->shape.kv_heads, enough = ITEMS_PER_THREAD * d->threads;
  int64_t results = find_splits(p);
  int splits = 0;
  for (int b = 0; b < p->blocks; b++) {
    splits += p->row_blocks[b].splits;
  }
  /* Splits are computed apart where heads are too few to divide, or better left together. */
  int few = heads < enough / 2 || (p->decodes && p->blocks < enough / 2 && splits >= enough);
  int apart = few && splits > p->blocks && results <= d->max_partials;
  int items = divide_blocks(p, apart);
  if (apart || !p->decodes) { /* rows see each other's keys, or heads are divided */
    calm_pass_run(p, rotate_and_store, row_items(p->rows), KIND(rows));
    if (p->failures) {
      return;
    }
  }
  if (apart) {
    calm_pass_run(p, attend_apart, items, KIND(attention));
    calm_pass_run(p, merge_apart, heads, KIND(attention));
  } else {
    calm_pass_run(p, attend_block, items, KIND(attention));
  }
  if (!heads_are_groups(d)) {
    calm_pass_run(p, attention_out, row_items(p->rows), KIND(rows));
  }
}
