/* The linears of a pass, divided by tiles of outputs and chunks of rows. */
#include "pass.h"

enum {
  MIN_TILES = 2,        /* of an item of a linear */
  ITEMS_PER_THREAD = 6, /* so that an uneven thread does not hold up the others */
};

int calm_pass_linear_items(const calm_decoder *d, int tiles) {
  int items = d->threads * ITEMS_PER_THREAD;
  int max = (tiles + MIN_TILES - 1) / MIN_TILES;
  return items < max ? items : max;
}

int calm_pass_tile_border(int tiles, int item, int items) {
  int pairs = (tiles + 1) / 2;
  int border = 2 * (int)((int64_t)pairs * item / items);
  return border < tiles ? border : tiles;
}

static int row_chunks(const pass *p) {
  return (p->rows + CALM_LINEAR_ROWS - 1) / CALM_LINEAR_ROWS;
}

/* Rows that are multiplied together. */
typedef struct {
  int first, rows;
} row_chunk;

static row_chunk chunk_of(const pass *p, int item) {
  int first = item % p->row_chunks * CALM_LINEAR_ROWS, left = p->rows - first;
  return (row_chunk){first, left < CALM_LINEAR_ROWS ? left : CALM_LINEAR_ROWS};
}

static void multiply(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  int i = 0;
  while (item >= p->items_of[i] * p->row_chunks) {
    item -= p->items_of[i++] * p->row_chunks;
  }
  int strip = item / p->row_chunks;
  row_chunk chunk = chunk_of(p, item);
  const calm_linear *w = &p->block->linears[p->linears[i]];
  int tiles = tiles_of(w->outputs);
  calm_rows x = calm_rows_from(&d->stages[p->stage], chunk.first);
  d->kernels->multiply4(w, &x, chunk.rows, calm_pass_tile_border(tiles, strip, p->items_of[i]),
                        calm_pass_tile_border(tiles, strip + 1, p->items_of[i]),
                        row_of(d->outputs[p->linears[i]], chunk.first, w->outputs), (size_t)w->outputs,
                        calm_pass_scratch(d, worker));
}

void calm_pass_multiply(pass *p, int stage) {
  calm_decoder *d = p->d;
  p->stage = stage;
  p->linears = calm_stage_linears[stage];
  p->row_chunks = row_chunks(p);
  int all = 0, total = 0;
  for (int i = 0; p->linears[i] >= 0; i++) {
    all += tiles_of(p->block->linears[p->linears[i]].outputs);
  }
  for (int i = 0; p->linears[i] >= 0; i++) {
    /* Items of about one size, whichever linear they are of. */
    int tiles = tiles_of(p->block->linears[p->linears[i]].outputs);
    int items = (int)(((int64_t)calm_pass_linear_items(d, all) * tiles + all - 1) / all);
    p->items_of[i] = items < 1 ? 1 : items;
    total += p->items_of[i] * p->row_chunks;
  }
  calm_pass_run(p, multiply, total, KIND(linear));
}

/* Groups of gate and up, gated and rounded while they are in the cache. */
static void gated_groups(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  const calm_kernels *k = d->kernels;
  calm_rows *target = &d->stages[CALM_MLP_OUT];
  int strip = item / p->row_chunks;
  row_chunk chunk = chunk_of(p, item);
  int from = target->groups * strip / p->items_of[0];
  int to = target->groups * (strip + 1) / p->items_of[0];
  int32_t width = d->shape.intermediate, first = from * target->group, end = to * target->group;
  end = end < width ? end : width;
  calm_rows x = calm_rows_from(&d->stages[CALM_MLP_IN], chunk.first);
  for (int linear = CALM_GATE; linear <= CALM_UP; linear++) {
    k->multiply4(&p->block->linears[linear], &x, chunk.rows, first / CALM_TILE, tiles_of(end),
                 row_of(d->outputs[linear], chunk.first, width), (size_t)width,
                 calm_pass_scratch(d, worker));
  }
  for (int r = chunk.first; r < chunk.first + chunk.rows; r++) {
    float *gate = row_of(d->outputs[CALM_GATE], r, width) + first;
    k->swiglu(gate, row_of(d->outputs[CALM_UP], r, width) + first, gate, end - first);
    if (!k->quantize(gate, width, 0, target, r, from, to)) {
      calm_pass_fail_row(p, r);
    }
  }
}

void calm_pass_multiply_gated(pass *p) {
  const calm_decoder *d = p->d;
  int groups = d->stages[CALM_MLP_OUT].groups, items = d->threads * ITEMS_PER_THREAD;
  p->row_chunks = row_chunks(p);
  p->items_of[0] = items < groups ? items : groups;
  calm_pass_run(p, gated_groups, p->items_of[0] * p->row_chunks, KIND(linear));
}
