/*
 * Grids of groups of weights, fitted by least squares, and the rounding of weights and activations,
 * bit-identical to io.calm.kernels.GroupGrid and JavaSearchKernels. A lane is an output, so that
 * the sums of a group run in the order of the Java loops.
 */
#include "doubles.h"
#include "vector.h"

static const float LEVELS = 15, HALF_MIN = 0x1p-14f, HALF_MAX = 65504;

/* The weights of one group of sixteen outputs, and the fit of each. */
typedef struct {
  int length;
  lanes w[CALM_MAX_GROUP];    /* [input], lanes: outputs */
  float h[CALM_MAX_GROUP];    /* what a squared error counts */
  double sum_h, sum_w[16];    /* of h, of h w */
  double error[16];           /* the least so far */
  float scale[16], minimum[16];
  float next_scale[16], next_minimum[16];
  int32_t active[16];         /* whether the current start goes on */
} fit;

static void load(fit *f, const float *w, int32_t inputs, int outputs, const float *h) {
  doubles sum_w = doubles_zero();
  f->sum_h = 0;
  for (int k = 0; k < f->length; k++) {
    float column[16];
    for (int lane = 0; lane < 16; lane++) {
      int output = lane < outputs ? lane : outputs - 1;
      column[lane] = w[(size_t)output * (size_t)inputs + (size_t)k];
    }
    f->w[k] = lanes_load(column);
    f->h[k] = h ? h[k] : 1;
    f->sum_h += f->h[k];
    sum_w = doubles_add(sum_w, lanes_mul(lanes_all(f->h[k]), f->w[k]));
  }
  doubles_store(f->sum_w, sum_w);
}

typedef struct {
  double squared[16], q[16], qq[16], qw[16];
} sums;

static inline void accumulate(const fit *f, lanes scale, lanes minimum, sums *out) {
  lanes inverse = lanes_div(lanes_all(1), scale);
  doubles squared = doubles_zero(), q = squared, qq = squared, qw = squared;
  for (int k = 0; k < f->length; k++) {
    lanes w = f->w[k], h = lanes_all(f->h[k]);
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

/* Keeps grids that are better than the best, solves for the next; returns whether one goes on. */
static int solve(fit *f, const float *scale, const float *minimum, const sums *s) {
  int32_t any = 0;
  for (int i = 0; i < 16; i++) {
    int better = f->active[i] & (s->squared[i] < f->error[i]);
    f->error[i] = better ? s->squared[i] : f->error[i];
    f->scale[i] = better ? scale[i] : f->scale[i];
    f->minimum[i] = better ? minimum[i] : f->minimum[i];
    double determinant = s->qq[i] * f->sum_h - s->q[i] * s->q[i];
    float next = (float)((s->qw[i] * f->sum_h - s->q[i] * f->sum_w[i]) / determinant);
    float base = (float)((f->sum_w[i] - (double)next * s->q[i]) / f->sum_h);
    int moved = (next != f->next_scale[i]) | (base != f->next_minimum[i]);
    int32_t on = f->active[i] & (determinant > 1e-9 * s->qq[i] * f->sum_h) & (next >= HALF_MIN) &
                 moved;
    f->next_scale[i] = on ? next : f->next_scale[i];
    f->next_minimum[i] = on ? base : f->next_minimum[i];
    f->active[i] = on;
    any |= on;
  }
  return any;
}

static inline lanes rounded_half(const float *values, float *target) {
  uint16_t halves[16];
  lanes_store_half(halves, lanes_load(values));
  lanes result = lanes_load_half(halves);
  lanes_store(target, result);
  return result;
}

static void refine(fit *f, int rounds) {
  for (int round = 0; round < rounds; round++) {
    float scale[16], minimum[16];
    sums s;
    lanes scales = rounded_half(f->next_scale, scale);
    accumulate(f, scales, rounded_half(f->next_minimum, minimum), &s);
    if (!solve(f, scale, minimum, &s)) {
      return;
    }
  }
}

static void fit_group(fit *f, const float *starts, int count, int rounds) {
  lanes low = lanes_all(INFINITY), high = lanes_all(-INFINITY), magnitude = lanes_all(0);
  for (int k = 0; k < f->length; k++) {
    low = lanes_less(f->w[k], low, f->w[k], low);
    high = lanes_less(high, f->w[k], f->w[k], high);
    magnitude = lanes_max_magnitude(magnitude, lanes_abs(f->w[k]));
  }
  float lows[16], highs[16], largest[16];
  lanes_store(lows, low);
  lanes_store(highs, high);
  lanes_store(largest, magnitude);
  for (int i = 0; i < 16; i++) {
    f->error[i] = INFINITY;
    f->scale[i] = f->minimum[i] = 0;
  }
  for (int start = 0; start < count; start++) {
    for (int i = 0; i < 16; i++) {
      float span = (highs[i] - lows[i]) * starts[start];
      float scale = span / LEVELS;
      f->next_scale[i] = scale > HALF_MIN ? scale : HALF_MIN;
      f->next_minimum[i] = ((lows[i] + highs[i]) / 2 + 0.0f) - span / 2;
      f->active[i] = largest[i] <= HALF_MAX;
    }
    refine(f, rounds);
  }
}

void CALM_NAME(fit_grids)(const float *w, int32_t outputs, int32_t inputs, int32_t group,
                          const float *importance, const float *starts, int count, int rounds,
                          float *scales, float *minimums) {
  int32_t groups = (inputs + group - 1) / group;
  for (int32_t first = 0; first < outputs; first += 16) {
    int here = outputs - first < 16 ? outputs - first : 16;
    for (int32_t j = 0; j < groups; j++) {
      fit f;
      int32_t from = j * group;
      f.length = inputs - from < group ? inputs - from : group;
      load(&f, w + (size_t)first * (size_t)inputs + (size_t)from, inputs, here,
           importance ? importance + from : NULL);
      fit_group(&f, starts, count, rounds);
      for (int i = 0; i < here; i++) {
        size_t at = (size_t)(first + i) * (size_t)groups + (size_t)j;
        scales[at] = f.scale[i];
        minimums[at] = f.minimum[i];
      }
    }
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
      x = lanes_less(x, top, x, top);
      x = lanes_sub(lanes_add(lanes_max(x, bottom), rounder), rounder);
      x = scale == 0 ? lanes_all(0) : lanes_mul(x, lanes_all(scale));
      lanes_store_some(row + k, x, end - k);
    }
  }
}
