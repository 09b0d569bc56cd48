/*
 * Grids of groups of weights, fitted by least squares, and the rounding of weights and activations,
 * bit-identical to io.calm.kernels.GroupGrid and JavaSearchKernels. A lane is an output, so that
 * the sums of a group run in the order of the Java loops.
 */
#include "doubles.h"
#include "vector.h"

static const float LEVELS = 15, HALF_MIN = 0x1p-14f, HALF_MAX = 65504;

/*
 * The fits of one group of inputs. A lane fits one output at a time: all starts, one after the
 * other, then the next output that nobody has taken, so that no lane waits for another.
 */
typedef struct {
  const float *weights;       /* of the group's first input */
  int32_t outputs, inputs, taken;
  const float *starts;
  int length, start_count, rounds;
  float h[CALM_MAX_GROUP];    /* what a squared error counts */
  float w[CALM_MAX_GROUP][16]; /* [input][lane] */
  double sum_h, sum_w[16];    /* of h, of h w */
  double error[16];           /* the least so far */
  float scale[16], minimum[16];
  float next_scale[16], next_minimum[16];
  float lowest[16], highest[16];
  int32_t output[16];         /* -1: the lane has none */
  int32_t start[16], round[16];
  float *scales, *minimums;   /* of the group, `stride` apart */
  size_t stride;
} fit;

typedef struct {
  double squared[16], q[16], qq[16], qw[16];
} sums;

static inline void accumulate(const fit *f, lanes scale, lanes minimum, sums *out) {
  lanes inverse = lanes_div(lanes_all(1), scale);
  doubles squared = doubles_zero(), q = squared, qq = squared, qw = squared;
  for (int k = 0; k < f->length; k++) {
    lanes w = lanes_load(f->w[k]), h = lanes_all(f->h[k]);
    lanes code = lanes_code(w, inverse, minimum);
    lanes difference = lanes_sub(w, lanes_add(lanes_mul(scale, code), minimum));
    lanes weighted = lanes_mul(h, code);
    squared = doubles_add(squared, lanes_mul(lanes_mul(h, difference), difference));
    q = doubles_add(q, weighted);
    qq = doubles_add(qq, lanes_mul(weighted, code));
    qw = doubles_add(qw, lanes_mul(weighted, w));
  }
  doubles_store(out->squared, squared);
  doubles_store(out->q, q);
  doubles_store(out->qq, qq);
  doubles_store(out->qw, qw);
}

static inline lanes rounded_half(const float *values, float *target) {
  uint16_t halves[16];
  lanes_store_half(halves, lanes_load(values));
  lanes result = lanes_load_half(halves);
  lanes_store(target, result);
  return result;
}

/* Keeps grids that are better than the best and solves for the next; sets which fits go on. */
static void solve(fit *f, const float *scale, const float *minimum, const sums *s, int32_t *on) {
  for (int i = 0; i < 16; i++) {
    int better = s->squared[i] < f->error[i];
    f->error[i] = better ? s->squared[i] : f->error[i];
    f->scale[i] = better ? scale[i] : f->scale[i];
    f->minimum[i] = better ? minimum[i] : f->minimum[i];
    double determinant = s->qq[i] * f->sum_h - s->q[i] * s->q[i];
    int fits = determinant > 1e-9 * s->qq[i] * f->sum_h; /* else one code holds all the weight */
    float next = (float)((s->qw[i] * f->sum_h - s->q[i] * f->sum_w[i]) / determinant);
    next = fits ? (next > HALF_MIN ? next : HALF_MIN) : f->next_scale[i];
    float base = (float)((f->sum_w[i] - (double)next * s->q[i]) / f->sum_h);
    int moved = (next != f->next_scale[i]) | (base != f->next_minimum[i]);
    on[i] = (f->sum_h > 0) & moved;
    f->next_scale[i] = on[i] ? next : f->next_scale[i];
    f->next_minimum[i] = on[i] ? base : f->next_minimum[i];
  }
  float next_scale[16], next_minimum[16];
  rounded_half(f->next_scale, next_scale);
  rounded_half(f->next_minimum, next_minimum);
  for (int i = 0; i < 16; i++) { /* the same grid again has the same sums, and moves no more */
    on[i] &= (next_scale[i] != scale[i]) | (next_minimum[i] != minimum[i]);
  }
}

static void begin(fit *f, int lane, int start) {
  float range = f->highest[lane] - f->lowest[lane], span = range * f->starts[start];
  float scale = span / LEVELS, middle = (f->lowest[lane] + f->highest[lane]) / 2 + 0.0f;
  /* A range of less than two steps is perhaps best as a constant. */
  int flat = range < 2 * HALF_MIN && f->starts[start] < 1 && f->sum_h > 0;
  f->next_scale[lane] = scale > HALF_MIN ? scale : HALF_MIN;
  f->next_minimum[lane] = flat ? (float)(f->sum_w[lane] / f->sum_h) : middle - span / 2;
  f->start[lane] = start;
  f->round[lane] = 0;
}

/* Loads an output; returns whether float16 can hold its grid. */
static int load(fit *f, int lane, int32_t output) {
  const float *w = f->weights + (size_t)output * (size_t)f->inputs;
  float low = INFINITY, high = -INFINITY;
  double sum = 0;
  int holds = 1;
  for (int k = 0; k < f->length; k++) {
    f->w[k][lane] = w[k];
    low = w[k] < low ? w[k] : low;
    high = w[k] > high ? w[k] : high;
    holds &= fabsf(w[k]) <= HALF_MAX; /* false for a NaN */
    sum += (double)(f->h[k] * w[k]);
  }
  f->lowest[lane] = low;
  f->highest[lane] = high;
  f->sum_w[lane] = sum;
  f->output[lane] = output;
  f->error[lane] = INFINITY;
  f->scale[lane] = f->minimum[lane] = 0;
  return holds;
}

static void store(fit *f, int lane) {
  size_t at = (size_t)f->output[lane] * f->stride;
  f->scales[at] = f->scale[lane];
  f->minimums[at] = f->minimum[lane];
}

/* Gives a lane the next output with a grid; returns whether there was one. */
static int take(fit *f, int lane) {
  while (f->taken < f->outputs) {
    if (load(f, lane, f->taken++)) {
      begin(f, lane, 0);
      return 1;
    }
    store(f, lane);
  }
  f->output[lane] = -1;
  return 0;
}

/* Fits the group of all outputs. */
static void fit_group(fit *f) {
  int busy = 0;
  f->taken = 0;
  for (int lane = 0; lane < 16; lane++) {
    f->next_scale[lane] = 1; /* of a lane without an output; its sums are not used */
    f->next_minimum[lane] = 0;
    f->sum_w[lane] = 0;
    busy += take(f, lane);
  }
  while (busy > 0) {
    float scale[16], minimum[16];
    int32_t on[16];
    sums s;
    lanes scales = rounded_half(f->next_scale, scale);
    accumulate(f, scales, rounded_half(f->next_minimum, minimum), &s);
    solve(f, scale, minimum, &s, on);
    for (int lane = 0; lane < 16; lane++) {
      if (f->output[lane] < 0 || (on[lane] && ++f->round[lane] < f->rounds)) {
        continue;
      }
      if (f->start[lane] + 1 < f->start_count) {
        begin(f, lane, f->start[lane] + 1);
        continue;
      }
      store(f, lane);
      busy -= !take(f, lane);
    }
  }
}

void CALM_NAME(fit_grids)(const float *w, int32_t outputs, int32_t inputs, int32_t group,
                          const float *importance, const float *starts, int count, int rounds,
                          float *scales, float *minimums) {
  int32_t groups = (inputs + group - 1) / group;
  fit f;
  memset(f.w, 0, sizeof f.w);
  f.outputs = outputs;
  f.inputs = inputs;
  f.starts = starts;
  f.start_count = count;
  f.rounds = rounds;
  f.stride = (size_t)groups;
  for (int32_t j = 0; j < groups; j++) {
    int32_t from = j * group;
    f.weights = w + from;
    f.length = inputs - from < group ? inputs - from : group;
    f.scales = scales + j;
    f.minimums = minimums + j;
    f.sum_h = 0;
    for (int k = 0; k < f.length; k++) {
      f.h[k] = importance ? importance[from + k] : 1;
      f.sum_h += f.h[k];
    }
    fit_group(&f);
  }
}

void CALM_NAME(encode)(const float *row, int32_t inputs, int32_t group, const float *scales,
                       const float *minimums, int8_t *target) {
  for (int32_t from = 0; from < inputs; from += group, scales++, minimums++) {
    int32_t end = from + group < inputs ? from + group : inputs;
    lanes minimum = lanes_all(*minimums), inverse = lanes_all(1 / *scales);
    for (int32_t k = from; k < end; k += 16) {
      int8_t sixteen[16];
      lanes_store_int8(sixteen, lanes_code(lanes_load_some(row + k, end - k), inverse, minimum));
      memcpy(target + k, sixteen, end - k < 16 ? (size_t)(end - k) : 16);
    }
  }
}

void CALM_NAME(round_inputs)(float *row, int32_t inputs, int32_t group) {
  const lanes rounder = lanes_all(0x1.8p23f), top = lanes_all(127), bottom = lanes_all(-127);
  for (int32_t from = 0; from < inputs; from += group) {
    int32_t end = from + group < inputs ? from + group : inputs;
    lanes magnitude = lanes_all(0);
    for (int32_t k = from; k < end; k += 16) {
      magnitude = lanes_max_magnitude(magnitude, lanes_abs(lanes_load_some(row + k, end - k)));
    }
    float values[16], peak = 0;
    lanes_store(values, magnitude);
    for (int i = 0; i < 16; i++) {
      peak = peak >= values[i] ? peak : values[i]; /* a NaN goes through */
      if (values[i] != values[i]) {
        break;
      }
    }
    float scale = peak < 0x1p-100f ? 0 : peak / 127;
    for (int32_t k = from; k < end; k += 16) {
      lanes x = lanes_div(lanes_load_some(row + k, end - k), lanes_all(scale));
      x = lanes_max(bottom, lanes_min(top, x)); /* a NaN, as of infinity / infinity, goes through */
      x = lanes_sub(lanes_add(x, rounder), rounder);
      x = scale == 0 ? lanes_all(0) : lanes_mul(x, lanes_all(scale));
      lanes_store_some(row + k, x, end - k);
    }
  }
}
