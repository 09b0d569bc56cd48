/*
 * The step: rows in passes, a pass block by block, each phase of a block divided among the threads
 * of the pool. Which thread runs what changes no bit.
 */
#include "decoder.h"

#include "pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  MAX_ROWS = 256,        /* of a pass */
  HEAD_ROWS = 32,        /* whose logits are made together */
  ROWS_PER_ITEM = 4,     /* of the phases row by row */
  BLOCK_ROWS = 16,       /* of one sequence that attend together */
  MIN_TILES = 2,         /* of an item of a linear */
  ITEMS_PER_THREAD = 6,  /* so that an uneven thread does not hold up the others */
  ATTENTION_ITEMS = 8,   /* of attention for each thread, where there are so many heads */
  FAIL_BASE = 16,
};

/* Where splits are computed apart, their results until they are merged. */
enum { PARTIAL_BYTES = 4 << 20 };

/* Ticks that a thread was at work, on a cache line of its own. */
typedef struct {
  _Alignas(64) int64_t ticks;
} busy_time;

struct calm_decoder {
  const calm_kernels *kernels;
  calm_shape shape;
  calm_attention attention;
  calm_block *blocks;
  calm_table embeddings, head;
  const float *final_norm;
  int threads;
  size_t layer_bytes;

  void *memory; /* of all below */
  float *residual, *input, *outputs[CALM_LINEARS];
  calm_rows stages[CALM_STAGES], head_rows;
  float *head_input; /* [HEAD_ROWS][hidden] */
  calm_partial *partials;
  float *partial_outputs;
  int32_t max_partials;
  uint8_t *scratch;
  size_t scratch_bytes;
  busy_time *busy; /* [threads] of the phase, zero between phases */
};

/* Rows of one sequence that attend together. */
typedef struct {
  int32_t first, end;          /* rows of the pass */
  int32_t first_split, splits; /* that any of them sees */
  int32_t partial;             /* where the results of its splits begin */
} row_block;

/* A pass under way: what the tasks of its phases see. */
typedef struct {
  calm_decoder *d;
  const calm_step *step;
  const calm_block *block;
  int layer, first, rows; /* of the step */
  int stage;
  const int *linears; /* of a phase of products, ended by -1 */
  int items_of[3];    /* of each of them: strips of tiles, times row_chunks */
  int row_chunks;
  int blocks;
  int decodes;     /* every block is one row, of a sequence of its own */
  int heads_each;  /* key-value heads of an item of attention; one where a block has more rows */
  row_block row_blocks[MAX_ROWS];
  int head_first, head_count;  /* rows whose logits are made together */
  int32_t origin[MAX_ROWS];    /* the row of the pass that each row was at its beginning */
  int failures;                /* there are */
  int kv_failures;             /* there are, of keys and values */
  uint8_t *failed;             /* by origin */
  calm_times *times;
} pass;

static const int STAGE_LINEARS[CALM_STAGES][4] = {
    {CALM_Q, CALM_K, CALM_V, -1}, {CALM_O, -1}, {CALM_GATE, CALM_UP, -1}, {CALM_DOWN, -1}};

static int32_t outputs_of(const calm_shape *s, int linear) {
  switch (linear) {
    case CALM_Q:
      return s->heads * s->head_dim;
    case CALM_K:
    case CALM_V:
      return s->kv_heads * s->head_dim;
    case CALM_O:
    case CALM_DOWN:
      return s->hidden;
    default:
      return s->intermediate;
  }
}

static int32_t inputs_of(const calm_shape *s, int stage) {
  switch (stage) {
    case CALM_ATTENTION_OUT:
      return s->heads * s->head_dim;
    case CALM_MLP_OUT:
      return s->intermediate;
    default:
      return s->hidden;
  }
}

static int tiles_of(int32_t outputs) { return (outputs + CALM_TILE - 1) / CALM_TILE; }

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }
static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

/* ---- memory ---- */

/* Hands out aligned pieces; with no memory it only counts. */
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
    const calm_linear *w = &d->blocks[0].linears[STAGE_LINEARS[stage][0]];
    take_rows(a, &d->stages[stage], MAX_ROWS, w->group, w->groups);
    widest = max_size(widest, (size_t)inputs_of(s, stage));
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
    d->outputs[linear] = take(a, rows * (size_t)outputs_of(s, linear) * sizeof(float));
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

size_t calm_decoder_page_bytes(const calm_shape *shape) {
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

/* ---- phases ---- */

typedef void (*phase_task)(pass *p, int item, int worker);

typedef struct {
  pass *p;
  phase_task task;
} timed;

static void run_timed(void *context, int item, int worker) {
  timed *t = context;
  int64_t start = calm_ticks();
  t->task(t->p, item, worker);
  t->p->d->busy[worker].ticks += calm_ticks() - start;
}

static void run_plain(void *context, int item, int worker) {
  timed *t = context;
  t->task(t->p, item, worker);
}

static void run(pass *p, phase_task task, int items, size_t kind) {
  timed t = {p, task};
  if (!p->times) {
    calm_pool_run(run_plain, &t, items);
    return;
  }
  calm_pool_run(run_timed, &t, items);
  int64_t *sum = (int64_t *)((char *)p->times + kind);
  for (int worker = 0; worker < p->d->threads; worker++) {
    *sum += p->d->busy[worker].ticks;
    p->d->busy[worker].ticks = 0;
  }
}

#define KIND(name) offsetof(calm_times, name)

static int row_items(int rows) { return (rows + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM; }

static int row_end(int item, int rows) {
  int end = (item + 1) * ROWS_PER_ITEM;
  return end < rows ? end : rows;
}

#define FOR_ROWS(row, item, rows) \
  for (int row = (item)*ROWS_PER_ITEM; row < row_end(item, rows); row++)

static float *row_of(float *rows, int row, int32_t width) {
  return rows + (size_t)row * (size_t)width;
}

static void read_embedding(const calm_decoder *d, int32_t token, float *target) {
  const calm_kernels *k = d->kernels;
  size_t at = (size_t)token * (size_t)d->shape.hidden;
  switch (d->embeddings.format) {
    case CALM_INT8:
      k->read_row8(&d->embeddings.int8, token, target);
      break;
    case CALM_INT4:
      k->read_row4(&d->embeddings.int4, token, target);
      break;
    case CALM_FLOAT16:
      k->read_half((const uint16_t *)d->embeddings.values + at, target, d->shape.hidden);
      break;
    case CALM_FLOAT32:
      memcpy(target, (const float *)d->embeddings.values + at,
             (size_t)d->shape.hidden * sizeof(float));
      break;
  }
}

static void embed(pass *p, int item, int worker) {
  (void)worker;
  FOR_ROWS(row, item, p->rows) {
    read_embedding(p->d, p->step->tokens[p->first + row],
                   row_of(p->d->residual, row, p->d->shape.hidden));
  }
}

static void fail_row(pass *p, int row) {
  p->failed[p->origin[row]] = 1;
  __atomic_store_n(&p->failures, 1, __ATOMIC_RELAXED);
}

/* Rounds a row of the phase's input; a row that is not finite is marked. */
static void round_row(pass *p, int stage, int row, const float *input) {
  calm_decoder *d = p->d;
  if (!d->kernels->quantize(input, inputs_of(&d->shape, stage), d->shape.per_token,
                            &d->stages[stage], row, 0, d->stages[stage].groups)) {
    fail_row(p, row);
  }
}

static void norm_and_round(pass *p, int stage, int norm, int row) {
  calm_decoder *d = p->d;
  int32_t width = d->shape.hidden;
  float *input = row_of(d->input, row, width);
  d->kernels->rms_norm(row_of(d->residual, row, width), p->block->norms[norm], input, width,
                       d->shape.epsilon);
  round_row(p, stage, row, input);
}

static void add_output(pass *p, int linear, int row) {
  calm_decoder *d = p->d;
  int32_t width = d->shape.hidden;
  d->kernels->add(row_of(d->residual, row, width), row_of(d->outputs[linear], row, width), width);
}

/* Also ends the block before. */
static void attention_in(pass *p, int item, int worker) {
  (void)worker;
  FOR_ROWS(row, item, p->rows) {
    if (p->layer > 0) {
      add_output(p, CALM_DOWN, row);
    }
    norm_and_round(p, CALM_ATTENTION_IN, CALM_ATTENTION_NORM, row);
  }
}

static void mlp_in(pass *p, int item, int worker) {
  (void)worker;
  FOR_ROWS(row, item, p->rows) {
    add_output(p, CALM_O, row);
    norm_and_round(p, CALM_MLP_IN, CALM_MLP_NORM, row);
  }
}

static void mlp_out(pass *p, int item, int worker) {
  (void)worker;
  calm_decoder *d = p->d;
  int32_t width = d->shape.intermediate;
  FOR_ROWS(row, item, p->rows) {
    float *input = row_of(d->input, row, width);
    d->kernels->swiglu(row_of(d->outputs[CALM_GATE], row, width),
                       row_of(d->outputs[CALM_UP], row, width), input, width);
    round_row(p, CALM_MLP_OUT, row, input);
  }
}

/* ---- linears ---- */

static int linear_items(const calm_decoder *d, int tiles) {
  int items = d->threads * ITEMS_PER_THREAD;
  int most = (tiles + MIN_TILES - 1) / MIN_TILES;
  return items < most ? items : most;
}

/* The tiles of part `item` of `items`, in pairs where there are. */
static int tile_border(int tiles, int item, int items) {
  int pairs = (tiles + 1) / 2;
  int border = 2 * (int)((int64_t)pairs * item / items);
  return border < tiles ? border : tiles;
}

static void *worker_scratch(const calm_decoder *d, int worker) {
  return d->scratch + (size_t)worker * d->scratch_bytes;
}

static void multiply(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  int i = 0;
  while (item >= p->items_of[i] * p->row_chunks) {
    item -= p->items_of[i++] * p->row_chunks;
  }
  int strip = item / p->row_chunks, row = item % p->row_chunks * CALM_LINEAR_ROWS;
  int rows = p->rows - row < CALM_LINEAR_ROWS ? p->rows - row : CALM_LINEAR_ROWS;
  const calm_linear *w = &p->block->linears[p->linears[i]];
  int tiles = tiles_of(w->outputs);
  calm_rows x = calm_rows_from(&d->stages[p->stage], row);
  d->kernels->multiply4(w, &x, rows, tile_border(tiles, strip, p->items_of[i]),
                        tile_border(tiles, strip + 1, p->items_of[i]),
                        row_of(d->outputs[p->linears[i]], row, w->outputs), (size_t)w->outputs,
                        worker_scratch(d, worker));
}

static void multiply_stage(pass *p, int stage) {
  calm_decoder *d = p->d;
  p->stage = stage;
  p->linears = STAGE_LINEARS[stage];
  p->row_chunks = (p->rows + CALM_LINEAR_ROWS - 1) / CALM_LINEAR_ROWS;
  int all = 0, total = 0;
  for (int i = 0; p->linears[i] >= 0; i++) {
    all += tiles_of(p->block->linears[p->linears[i]].outputs);
  }
  for (int i = 0; p->linears[i] >= 0; i++) {
    /* Items of about one size, whichever linear they are of. */
    int tiles = tiles_of(p->block->linears[p->linears[i]].outputs);
    int items = (int)(((int64_t)linear_items(d, all) * tiles + all - 1) / all);
    p->items_of[i] = items < 1 ? 1 : items;
    total += p->items_of[i] * p->row_chunks;
  }
  run(p, multiply, total, KIND(linear));
}

/* Groups of gate and up, gated and rounded while they are in the cache. */
static void gated_groups(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  const calm_kernels *k = d->kernels;
  calm_rows *target = &d->stages[CALM_MLP_OUT];
  int strip = item / p->row_chunks, row = item % p->row_chunks * CALM_LINEAR_ROWS;
  int rows = p->rows - row < CALM_LINEAR_ROWS ? p->rows - row : CALM_LINEAR_ROWS;
  int from = target->groups * strip / p->items_of[0];
  int to = target->groups * (strip + 1) / p->items_of[0];
  int32_t width = d->shape.intermediate, first = from * target->group, end = to * target->group;
  end = end < width ? end : width;
  calm_rows x = calm_rows_from(&d->stages[CALM_MLP_IN], row);
  for (int linear = CALM_GATE; linear <= CALM_UP; linear++) {
    k->multiply4(&p->block->linears[linear], &x, rows, first / CALM_TILE, tiles_of(end),
                 row_of(d->outputs[linear], row, width), (size_t)width, worker_scratch(d, worker));
  }
  for (int r = row; r < row + rows; r++) {
    float *gate = row_of(d->outputs[CALM_GATE], r, width) + first;
    k->swiglu(gate, row_of(d->outputs[CALM_UP], r, width) + first, gate, end - first);
    if (!k->quantize(gate, width, 0, target, r, from, to)) {
      fail_row(p, r);
    }
  }
}

static void multiply_gated(pass *p) {
  const calm_decoder *d = p->d;
  int groups = d->stages[CALM_MLP_OUT].groups, items = d->threads * ITEMS_PER_THREAD;
  p->row_chunks = (p->rows + CALM_LINEAR_ROWS - 1) / CALM_LINEAR_ROWS;
  p->items_of[0] = items < groups ? items : groups;
  run(p, gated_groups, p->items_of[0] * p->row_chunks, KIND(linear));
}

/* The weights of a norm, which one thread reads while the others wait, and the rows after it. */
static void fetch_norm(const pass *p, const float *weights) {
  for (int32_t i = 0; i < p->d->shape.hidden; i += CALM_TILE) {
    __builtin_prefetch(weights + i);
  }
}

/* ---- attention ---- */

static uint8_t *page_of(const pass *p, int row, int32_t position) {
  const calm_step *s = p->step;
  int32_t list = s->page_from[s->sequences[p->first + row]];
  return s->pages[list + position / CALM_PAGE] + (size_t)p->layer * p->d->layer_bytes;
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
    fail_row(p, row);
    return 0; /* pages only ever hold numbers, so a weight of zero silences what it meets */
  }
  int32_t position = p->step->positions[p->first + row];
  d->kernels->store_kv(&d->attention, page_of(p, row, position), kv_head, position % CALM_PAGE, key,
                       value);
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

static void make_row_blocks(pass *p) {
  int shared = p->d->shape.heads / p->d->shape.kv_heads;
  int most = CALM_MAX_QUERIES / shared < BLOCK_ROWS ? CALM_MAX_QUERIES / shared : BLOCK_ROWS;
  const int32_t *sequences = p->step->sequences + p->first;
  p->blocks = 0;
  p->decodes = 1;
  for (int row = 0; row < p->rows;) {
    int end = row + 1;
    while (end < p->rows && end - row < most && sequences[end] == sequences[row]) {
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

/* Key-value heads that one item of attention visits together. */
typedef struct {
  int first, end;
} head_range;

static int head_parts(const pass *p) {
  return (p->d->shape.kv_heads + p->heads_each - 1) / p->heads_each;
}

static head_range heads_of(const pass *p, int part) {
  int first = part * p->heads_each, end = first + p->heads_each;
  return (head_range){first, end < p->d->shape.kv_heads ? end : p->d->shape.kv_heads};
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
  uint8_t *pages[CALM_SPLIT / CALM_PAGE] = {0};
  for (int i = 0; i < CALM_SPLIT / CALM_PAGE && base + i * CALM_PAGE <= last; i++) {
    pages[i] = page_of(p, block->first, base + i * CALM_PAGE);
  }
  for (int q = 0; q < count; q++) {
    int32_t position = p->step->positions[p->first + block->first + q / shared];
    int32_t first = first_seen(p, position) - base, after = position + 1 - base;
    from[q] = first > 0 ? first : 0;
    end[q] = after < CALM_SPLIT ? after : CALM_SPLIT;
  }
  p->d->kernels->attend(&p->d->attention, pages, heads.first, heads.end - heads.first, queries,
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

/* Whether the outputs of a key-value head's queries are whole groups of the next linear's inputs. */
static int heads_are_groups(const calm_decoder *d) {
  int32_t width = d->shape.heads / d->shape.kv_heads * d->shape.head_dim;
  return !d->shape.per_token && width % d->stages[CALM_ATTENTION_OUT].group == 0;
}

/* Rounds what the queries of key-value heads found, where that can be done apart. */
static void round_heads(pass *p, const row_block *block, head_range heads) {
  calm_decoder *d = p->d;
  if (!heads_are_groups(d)) {
    return;
  }
  int32_t inputs = inputs_of(&d->shape, CALM_ATTENTION_OUT);
  int32_t width = inputs / d->shape.kv_heads;
  int groups = width / d->stages[CALM_ATTENTION_OUT].group;
  for (int row = block->first; row < block->end; row++) {
    const float *x = row_of(d->input, row, inputs) + heads.first * width;
    if (!d->kernels->quantize(x, inputs, 0, &d->stages[CALM_ATTENTION_OUT], row,
                              heads.first * groups, heads.end * groups)) {
      fail_row(p, row);
    }
  }
}

/* All splits of a block, one after the other. */
static void attend_block(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  int32_t dim = d->shape.head_dim;
  const row_block *block = &p->row_blocks[item / head_parts(p)];
  head_range heads = heads_of(p, item % head_parts(p));
  float *gathered = worker_scratch(d, worker);
  float *running = gathered + (size_t)CALM_MAX_QUERIES * (size_t)dim;
  float *outputs = running + (size_t)CALM_MAX_QUERIES * (size_t)dim;
  void *rest = outputs + (size_t)CALM_MAX_QUERIES * (size_t)dim;
  calm_partial sums[CALM_MAX_QUERIES], partial[CALM_MAX_QUERIES];
  for (int head = heads.first; p->decodes && head < heads.end; head++) {
    if (!rotate_and_store_head(p, block->first, head)) {
      return;
    }
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
  int b = 0, parts = head_parts(p);
  while (item >= p->row_blocks[b].splits * parts) {
    item -= p->row_blocks[b++].splits * parts;
  }
  const row_block *block = &p->row_blocks[b];
  int split = item / parts;
  head_range heads = heads_of(p, item % parts);
  float *gathered = worker_scratch(d, worker);
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
  float *running = worker_scratch(d, worker);
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
  int32_t width = inputs_of(&p->d->shape, CALM_ATTENTION_OUT);
  FOR_ROWS(row, item, p->rows) {
    round_row(p, CALM_ATTENTION_OUT, row, row_of(p->d->input, row, width));
  }
}

/*
 * Heads that are visited together, so that there are items enough of so many blocks or splits: what
 * is read is one stream for as many. Blocks of more rows have their keys in the cache.
 */
static int heads_together(const pass *p, int units) {
  const calm_shape *s = &p->d->shape;
  if (!p->decodes) {
    return 1;
  }
  int parts = (ATTENTION_ITEMS * p->d->threads + units - 1) / units;
  int heads = parts < s->kv_heads ? (s->kv_heads + parts - 1) / parts : 1;
  int most = CALM_MAX_QUERIES / (s->heads / s->kv_heads);
  return heads < most ? heads : most;
}

/* From queries, keys and values to the rounded inputs of the next linear. */
static void attend(pass *p) {
  const calm_decoder *d = p->d;
  int items = p->blocks * d->shape.kv_heads, enough = ATTENTION_ITEMS * d->threads;
  int64_t results = find_splits(p);
  int splits = 0;
  for (int b = 0; b < p->blocks; b++) {
    splits += p->row_blocks[b].splits;
  }
  int few = items < enough / 2 || (p->decodes && p->blocks < enough / 2 && splits >= enough);
  int apart = few && splits > p->blocks && results <= d->max_partials;
  p->heads_each = heads_together(p, apart ? splits : p->blocks);
  if (apart || !p->decodes) { /* rows see each other's keys, or heads are divided */
    run(p, rotate_and_store, row_items(p->rows), KIND(rows));
    if (p->failures) {
      return;
    }
  }
  if (apart) {
    run(p, attend_apart, splits * head_parts(p), KIND(attention));
    run(p, merge_apart, items, KIND(attention));
  } else {
    run(p, attend_block, p->blocks * head_parts(p), KIND(attention));
  }
  if (!heads_are_groups(d)) {
    run(p, attention_out, row_items(p->rows), KIND(rows));
  }
}

/* ---- the pass ---- */

static void copy_row(calm_rows *x, int from, int to) {
  size_t groups = (size_t)x->groups;
  memcpy(x->codes + (size_t)to * x->stride, x->codes + (size_t)from * x->stride, x->stride);
  memcpy(x->scales + (size_t)to * groups, x->scales + (size_t)from * groups, groups * sizeof(float));
  memcpy(x->sums + (size_t)to * groups, x->sums + (size_t)from * groups, groups * sizeof(float));
}

/* Keeps the rows that want logits: nobody looks at what the last block makes of the others. */
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

/* Returns CALM_OK, or what failed. */
static int run_block(pass *p) {
  run(p, attention_in, row_items(p->rows), KIND(rows));
  if (p->failures) {
    return CALM_ATTENTION_IN;
  }
  multiply_stage(p, CALM_ATTENTION_IN);
  attend(p);
  if (p->failures) {
    return p->kv_failures ? CALM_FAILED_KV : CALM_ATTENTION_OUT;
  }
  if (p->layer == p->d->shape.layers - 1) {
    keep_wanted(p);
  }
  fetch_norm(p, p->block->norms[CALM_MLP_NORM]);
  multiply_stage(p, CALM_ATTENTION_OUT);
  run(p, mlp_in, row_items(p->rows), KIND(rows));
  if (p->failures) {
    return CALM_MLP_IN;
  }
  if (p->d->shape.per_token) {
    multiply_stage(p, CALM_MLP_IN);
    run(p, mlp_out, row_items(p->rows), KIND(rows));
  } else {
    multiply_gated(p);
  }
  if (p->failures) {
    return CALM_MLP_OUT;
  }
  if (p->layer + 1 < p->d->shape.layers) {
    fetch_norm(p, p->block[1].norms[CALM_ATTENTION_NORM]);
  } else {
    fetch_norm(p, p->d->final_norm);
  }
  multiply_stage(p, CALM_MLP_OUT);
  return CALM_OK;
}

static float *logits_of(const pass *p, int row) {
  size_t at = (size_t)p->step->logits[p->first + p->origin[row]];
  return p->step->output + at * (size_t)p->d->shape.vocabulary;
}

/* Ends the last block. */
static void head_in(pass *p, int item, int worker) {
  (void)worker;
  calm_decoder *d = p->d;
  int32_t width = d->shape.hidden;
  FOR_ROWS(i, item, p->head_count) {
    int row = p->head_first + i;
    float *input = row_of(d->head_input, i, width);
    add_output(p, CALM_DOWN, row);
    d->kernels->rms_norm(row_of(d->residual, row, width), d->final_norm, input, width,
                         d->shape.epsilon);
    int finite = d->head.format == CALM_INT8 || d->head.format == CALM_INT4
                     ? d->kernels->quantize(input, width, d->shape.per_token, &d->head_rows, i, 0,
                                            d->head_rows.groups)
                     : d->kernels->finite(input, (size_t)width);
    if (!finite) {
      fail_row(p, row);
    }
  }
}

static void head_out(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  const calm_kernels *k = d->kernels;
  size_t vocabulary = (size_t)d->shape.vocabulary;
  int tiles = tiles_of(d->shape.vocabulary);
  int from = tile_border(tiles, item, p->items_of[0]);
  int to = tile_border(tiles, item + 1, p->items_of[0]);
  int last = to * CALM_TILE < d->shape.vocabulary ? to * CALM_TILE : d->shape.vocabulary;
  float *y = logits_of(p, p->head_first); /* rows of logits follow each other */
  switch (d->head.format) {
    case CALM_INT8:
      k->multiply8(&d->head.int8, &d->head_rows, p->head_count, from, to, y, vocabulary,
                   worker_scratch(d, worker));
      break;
    case CALM_INT4:
      k->multiply4(&d->head.int4, &d->head_rows, p->head_count, from, to, y, vocabulary,
                   worker_scratch(d, worker));
      break;
    case CALM_FLOAT16:
      k->multiply_half(d->head.values, d->head_input, d->shape.hidden, p->head_count,
                       from * CALM_TILE, last, y, vocabulary);
      break;
    case CALM_FLOAT32:
      k->multiply_float(d->head.values, d->head_input, d->shape.hidden, p->head_count,
                        from * CALM_TILE, last, y, vocabulary);
      break;
  }
}

static void check_logits(pass *p, int item, int worker) {
  (void)worker;
  FOR_ROWS(i, item, p->head_count) {
    int row = p->head_first + i;
    int32_t wanted = p->step->logits[p->first + p->origin[row]];
    if (!p->d->kernels->weigh(logits_of(p, row), (size_t)p->d->shape.vocabulary,
                              &p->step->weights[wanted])) {
      fail_row(p, row);
    }
  }
}

static int run_head(pass *p) {
  for (p->head_first = 0; p->head_first < p->rows; p->head_first += HEAD_ROWS) {
    p->head_count = (int)min_size((size_t)(p->rows - p->head_first), HEAD_ROWS);
    int items = row_items(p->head_count);
    run(p, head_in, items, KIND(rows));
    if (p->failures) {
      return CALM_FAILED_HEAD;
    }
    p->items_of[0] = 4 * linear_items(p->d, tiles_of(p->d->shape.vocabulary));
    run(p, head_out, p->items_of[0], KIND(head));
    run(p, check_logits, items, KIND(rows));
    if (p->failures) {
      return CALM_FAILED_LOGITS;
    }
  }
  return CALM_OK;
}

static int run_pass(pass *p) {
  for (int row = 0; row < p->rows; row++) {
    p->origin[row] = row;
  }
  run(p, embed, row_items(p->rows), KIND(rows));
  make_row_blocks(p);
  for (p->layer = 0; p->layer < p->d->shape.layers; p->layer++) {
    p->block = &p->d->blocks[p->layer];
    int failure = run_block(p);
    if (failure != CALM_OK) {
      return p->layer * FAIL_BASE + failure;
    }
  }
  int failure = run_head(p);
  return failure == CALM_OK ? CALM_OK : p->layer * FAIL_BASE + failure;
}

/* Adds to `times` what a step counted in ticks: its own duration is known in both units. */
static void add_times(calm_times *times, const calm_times *ticks, int64_t nanos) {
  double unit = ticks->wall > 0 ? (double)nanos / (double)ticks->wall : 0;
  times->linear += (int64_t)((double)ticks->linear * unit);
  times->attention += (int64_t)((double)ticks->attention * unit);
  times->head += (int64_t)((double)ticks->head * unit);
  times->rows += (int64_t)((double)ticks->rows * unit);
  times->wall += nanos;
}

int calm_decoder_step(calm_decoder *d, const calm_step *step, calm_times *times) {
  calm_times ticks = {0, 0, 0, 0, 0};
  int64_t start = calm_clock(), start_ticks = calm_ticks();
  int result = CALM_OK;
  calm_pool_acquire(d->threads);
  for (int first = 0; first < step->rows && result == CALM_OK; first += MAX_ROWS) {
    pass p = {.d = d, .step = step, .first = first, .times = times ? &ticks : NULL};
    p.rows = (int)min_size((size_t)(step->rows - first), MAX_ROWS);
    p.failed = step->failed + first;
    result = run_pass(&p);
  }
  calm_pool_release();
  if (times) {
    ticks.wall = calm_ticks() - start_ticks;
    add_times(times, &ticks, calm_clock() - start);
  }
  return result;
}
