/* The row-by-row phases of a pass, and the function that runs a phase. */
#include "pass.h"

#include "clock.h"
#include "pool.h"

#include <string.h>

const int calm_stage_linears[CALM_STAGES][4] = {
    {CALM_Q, CALM_K, CALM_V, -1}, {CALM_O, -1}, {CALM_GATE, CALM_UP, -1}, {CALM_DOWN, -1}};

int32_t calm_pass_outputs(const calm_shape *s, int linear) {
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

int32_t calm_pass_inputs(const calm_shape *s, int stage) {
  switch (stage) {
    case CALM_ATTENTION_OUT:
      return s->heads * s->head_dim;
    case CALM_MLP_OUT:
      return s->intermediate;
    default:
      return s->hidden;
  }
}

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

void calm_pass_run(pass *p, phase_task task, int items, size_t kind) {
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

void calm_pass_fail_row(pass *p, int row) {
  p->failed[p->origin[row]] = 1;
  __atomic_store_n(&p->failures, 1, __ATOMIC_RELAXED);
}

/* Rounds a row of the phase's input; a row that is not finite is marked. */
void calm_pass_round_row(pass *p, int stage, int row, const float *input) {
  calm_decoder *d = p->d;
  if (!d->kernels->quantize(input, calm_pass_inputs(&d->shape, stage), d->shape.per_token,
                            &d->stages[stage], row, 0, d->stages[stage].groups)) {
    calm_pass_fail_row(p, row);
  }
}

static void norm_and_round(pass *p, int stage, int norm, int row) {
  calm_decoder *d = p->d;
  int32_t width = d->shape.hidden;
  float *input = row_of(d->input, row, width);
  d->kernels->rms_norm(row_of(d->residual, row, width), p->block->norms[norm], input, width,
                       d->shape.epsilon);
  calm_pass_round_row(p, stage, row, input);
}

void calm_pass_add_output(pass *p, int linear, int row) {
  calm_decoder *d = p->d;
  int32_t width = d->shape.hidden;
  d->kernels->add(row_of(d->residual, row, width), row_of(d->outputs[linear], row, width), width);
}

/* Also ends the block before. */
static void attention_in(pass *p, int item, int worker) {
  (void)worker;
  FOR_ROWS(row, item, p->rows) {
    if (p->layer > 0) {
      calm_pass_add_output(p, CALM_DOWN, row);
    }
    norm_and_round(p, CALM_ATTENTION_IN, CALM_ATTENTION_NORM, row);
  }
}

static void mlp_in(pass *p, int item, int worker) {
  (void)worker;
  FOR_ROWS(row, item, p->rows) {
    calm_pass_add_output(p, CALM_O, row);
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
    calm_pass_round_row(p, CALM_MLP_OUT, row, input);
  }
}

void calm_pass_embed(pass *p) { calm_pass_run(p, embed, row_items(p->rows), KIND(rows)); }

void calm_pass_attention_in(pass *p) {
  calm_pass_run(p, attention_in, row_items(p->rows), KIND(rows));
}

void calm_pass_mlp_in(pass *p) { calm_pass_run(p, mlp_in, row_items(p->rows), KIND(rows)); }

void calm_pass_mlp_out(pass *p) { calm_pass_run(p, mlp_out, row_items(p->rows), KIND(rows)); }
