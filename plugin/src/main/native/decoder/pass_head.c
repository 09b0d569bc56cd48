/* The head of a pass: final norm, lm_head, and the maximum and sum of the logits' exponentials. */
#include "pass.h"

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
    calm_pass_add_output(p, CALM_DOWN, row);
    d->kernels->rms_norm(row_of(d->residual, row, width), d->final_norm, input, width,
                         d->shape.epsilon);
    int finite = d->head.format == CALM_INT8 || d->head.format == CALM_INT4
                     ? d->kernels->quantize(input, width, d->shape.per_token, &d->head_rows, i, 0,
                                            d->head_rows.groups)
                     : d->kernels->finite(input, (size_t)width);
    if (!finite) {
      calm_pass_fail_row(p, row);
    }
  }
}

static void head_out(pass *p, int item, int worker) {
  calm_decoder *d = p->d;
  const calm_kernels *k = d->kernels;
  size_t vocabulary = (size_t)d->shape.vocabulary;
  int tiles = tiles_of(d->shape.vocabulary);
  int from = calm_pass_tile_border(tiles, item, p->items_of[0]);
  int to = calm_pass_tile_border(tiles, item + 1, p->items_of[0]);
  int last = to * CALM_TILE < d->shape.vocabulary ? to * CALM_TILE : d->shape.vocabulary;
  float *y = logits_of(p, p->head_first); /* rows of logits follow each other */
  switch (d->head.format) {
    case CALM_INT8:
      k->multiply8(&d->head.int8, &d->head_rows, p->head_count, from, to, y, vocabulary,
                   calm_pass_scratch(d, worker));
      break;
    case CALM_INT4:
      k->multiply4(&d->head.int4, &d->head_rows, p->head_count, from, to, y, vocabulary,
                   calm_pass_scratch(d, worker));
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
      calm_pass_fail_row(p, row);
    }
  }
}

int calm_pass_head(pass *p) {
  for (p->head_first = 0; p->head_first < p->rows; p->head_first += HEAD_ROWS) {
    int left = p->rows - p->head_first;
    p->head_count = left < HEAD_ROWS ? left : HEAD_ROWS;
    int items = row_items(p->head_count);
    calm_pass_run(p, head_in, items, KIND(rows));
    if (p->failures) {
      return CALM_FAILED_HEAD;
    }
    p->items_of[0] = 4 * calm_pass_linear_items(p->d, tiles_of(p->d->shape.vocabulary));
    calm_pass_run(p, head_out, p->items_of[0], KIND(head));
    calm_pass_run(p, check_logits, items, KIND(rows));
    if (p->failures) {
      return CALM_FAILED_LOGITS;
    }
  }
  return CALM_OK;
}
