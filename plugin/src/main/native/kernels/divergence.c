/*
 * Sums of the KL divergence of two rows of logits over a band of the vocabulary, bit-identical to
 * JavaSearchKernels.addDivergence: float32 weights, sixteen sums in float64.
 */
#include "doubles.h"
#include "vector.h"

/* Adds lanes i and i + 8, then i + 4, i + 2, i + 1. */
static double sum_of(doubles sums) {
  double v[16];
  doubles_store(v, sums);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      v[i] += v[i + half];
    }
  }
  return v[0];
}

/* Sixteen logits; lanes beyond `count` are minus infinity. */
static lanes load_logits(const float *x, int count) {
  if (count >= 16) {
    return lanes_load(x);
  }
  float padded[16];
  for (int i = 0; i < 16; i++) {
    padded[i] = i < count ? x[i] : -INFINITY;
  }
  return lanes_load(padded);
}

/* The largest number. Which zero it is, and what it is beside a NaN, depends on the registers. */
static float largest_of(const float *x, int count, float before) {
  lanes largest = lanes_all(before);
  for (int i = 0; i < count; i += 16) {
    largest = lanes_max(largest, load_logits(x + i, count - i));
  }
  return lanes_largest(largest);
}

/* Math.max of Java: NaN if one is, and +0 above -0. */
static float exact_largest_of(const float *x, int count, float before) {
  float largest = before;
  for (int i = 0; i < count && largest == largest; i++) {
    if (!(x[i] < largest) && !(x[i] == largest && signbit(x[i]))) {
      largest = x[i];
    }
  }
  return largest;
}

/* The exact peak. The fast one may differ from it if it is zero or the total is NaN. */
static float peak_of(float fast, double total, const float *x, int count, float before) {
  return fast == 0 || total != total ? exact_largest_of(x, count, before) : fast;
}

static float power_of(float x) {
  float v[16];
  lanes_store(v, lanes_exp(lanes_all(x)));
  return v[0];
}

void CALM_NAME(add_divergence)(const float *a, const float *b, int count, calm_divergence *sums) {
  float peak = largest_of(a, count, sums->peak), other = largest_of(b, count, sums->other_peak);
  doubles total = doubles_zero(), cross = doubles_zero(), other_total = doubles_zero();
  for (int i = 0; i < count; i += 16) {
    lanes x = load_logits(a + i, count - i), y = load_logits(b + i, count - i);
    lanes weight = lanes_exp(lanes_sub(x, lanes_all(peak)));
    lanes difference = lanes_sub(x, y);
    if (i + 16 > count) {
      difference = lanes_sub(lanes_load_part(a + i, count - i), lanes_load_part(b + i, count - i));
    }
    total = doubles_add(total, weight);
    cross = doubles_add(cross, lanes_mul(weight, difference));
    other_total = doubles_add(other_total, lanes_exp(lanes_sub(y, lanes_all(other))));
  }
  double kept = power_of(sums->peak - peak), other_kept = power_of(sums->other_peak - other);
  sums->total = sums->total * kept + sum_of(total);
  sums->cross = sums->cross * kept + sum_of(cross);
  sums->other_total = sums->other_total * other_kept + sum_of(other_total);
  sums->peak = peak_of(peak, sums->total, a, count, sums->peak);
  sums->other_peak = peak_of(other, sums->other_total, b, count, sums->other_peak);
}
