/* calm-driver [SEED [ROUNDS]]: see driver.h. The seed that a failure names repeats it at once. */
#include "driver.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 66, MAX_PIECES = 256 };

const float driver_untouched = -12345.678f;

static struct {
  const char *variant, *kind;
  char text[256];
  uint64_t seed, state;
  void *pieces[MAX_PIECES];
  int count;
} current;

uint64_t driver_seed(void) { return current.seed; }

/* splitmix64 */
static uint64_t next(void) {
  uint64_t z = current.state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

int driver_below(int bound) { return (int)(next() % (uint64_t)bound); }

float driver_uniform(void) { return (float)(int32_t)(next() >> 32) * 0x1p-31f; }

float driver_number(void) {
  switch (driver_below(40)) {
    case 0:
      return 0;
    case 1:
      return -0.0f;
    case 2:
      return driver_uniform() * 0x1p-101f;
    case 3:
      return driver_uniform() * 1e4f;
    case 4:
      return ldexpf(driver_uniform(), driver_below(60) - 30);
    default:
      return driver_uniform() * 3;
  }
}

uint16_t driver_half_bits(void) {
  uint16_t bits = (uint16_t)next();
  return (bits & 0x7c00) == 0x7c00 ? (uint16_t)(bits & 0x83ff) : bits;
}

static void *keep(void *piece) {
  if (!piece || current.count == MAX_PIECES) {
    fprintf(stderr, "calm-driver: out of memory\n");
    exit(2);
  }
  return current.pieces[current.count++] = piece;
}

void *driver_aligned(size_t bytes) {
  void *piece = NULL;
  if (posix_memalign(&piece, 64, bytes) != 0) {
    piece = NULL;
  }
  keep(piece);
  memset(piece, 0, bytes);
  return piece;
}

float *driver_floats(size_t count) {
  float *piece = keep(malloc(count * sizeof(float)));
  for (size_t i = 0; i < count; i++) {
    piece[i] = driver_untouched;
  }
  return piece;
}

float *driver_numbers(size_t count) {
  float *piece = driver_floats(count);
  for (size_t i = 0; i < count; i++) {
    piece[i] = driver_number();
  }
  return piece;
}

void driver_release(int pieces) {
  while (pieces-- > 0) {
    free(current.pieces[--current.count]);
  }
}

void driver_describe(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(current.text, sizeof current.text, format, values);
  va_end(values);
}

static void fail(const char *what, size_t at) {
  fprintf(stderr, "calm-driver: variant %s, %s (%s), seed %llu: %s differs at %zu: ",
          current.variant, current.kind, current.text, (unsigned long long)current.seed, what, at);
}

void driver_same_floats(const char *what, const float *expected, const float *actual,
                        size_t count) {
  for (size_t i = 0; i < count; i++) {
    int both_nan = expected[i] != expected[i] && actual[i] != actual[i];
    if (!both_nan && memcmp(&expected[i], &actual[i], sizeof(float)) != 0) {
      fail(what, i);
      fprintf(stderr, "expected %a, got %a\n", (double)expected[i], (double)actual[i]);
      exit(1);
    }
  }
}

void driver_same_bytes(const char *what, const void *expected, const void *actual, size_t count) {
  const uint8_t *e = expected, *a = actual;
  for (size_t i = 0; i < count; i++) {
    if (e[i] != a[i]) {
      fail(what, i);
      fprintf(stderr, "expected byte 0x%02x, got 0x%02x\n", e[i], a[i]);
      exit(1);
    }
  }
}

void driver_same_int(const char *what, int64_t expected, int64_t actual) {
  if (expected != actual) {
    fail(what, 0);
    fprintf(stderr, "expected %lld, got %lld\n", (long long)expected, (long long)actual);
    exit(1);
  }
}

float driver_half_value(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
  float value = exponent ? ldexpf((float)(fraction + 1024), exponent - 25)
                         : ldexpf((float)fraction, -24);
  return bits & 0x8000 ? -value : value;
}

float driver_round_half(float x) {
  double quantum = fabsf(x) < 0x1p-14f ? 0x1p-24 : ldexp(1, ilogbf(x) - 10);
  double value = rint(x / quantum) * quantum;
  return (float)(value > 65504 ? 65504 : value < -65504 ? -65504 : value);
}

float driver_scale(const float *x, int count) {
  float max = 0;
  for (int i = 0; i < count; i++) {
    max = fmaxf(max, fabsf(x[i]));
  }
  return max < 0x1p-100f ? 0 : max / 127;
}

float driver_round_code(float x, float scale) {
  return scale == 0 ? 0 : fminf(127, fmaxf(-127, rintf(x / scale))) + 0.0f; /* no -0 */
}

float driver_exp(float x) {
  if (x != x) {
    return x;
  }
  if (x > 0x1.62e43p6f) {
    return INFINITY;
  }
  if (x < -104) {
    return 0;
  }
  float n = fmaf(x, 0x1.715476p0f, 0x1.8p23f) - 0x1.8p23f;
  float r = fmaf(n, -0x1.7f7d1cp-20f, fmaf(n, -0x1.62e4p-1f, x));
  float p = 1.0f / 5040;
  const float factors[] = {720, 120, 24, 6, 2, 1, 1};
  for (int i = 0; i < 7; i++) {
    p = fmaf(p, r, 1 / factors[i]);
  }
  int half = (int)floor(n / 2);
  return p * ldexpf(1, half) * ldexpf(1, (int)n - half);
}

float driver_sum_lanes(float lanes[16]) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      lanes[i] += lanes[i + half];
    }
  }
  return lanes[0];
}

static void run_pools(uint64_t seed) {
  current.kind = "pool";
  current.variant = "all";
  current.seed = current.state = seed;
  driver_pools();
  printf("pool: every item once\n");
  driver_neighbour();
  printf("pool: a worker beside a busy process takes turns\n");
  driver_faults();
  printf("pool: a file that is cut short ends its job alone\n");
  fflush(stdout);
}

static void begin(const char *kind) {
  current.kind = kind;
  current.state = current.seed;
}

static void run(const char *kind, void (*cases)(const calm_kernels *), const calm_kernels *k) {
  begin(kind);
  cases(k);
  driver_release(current.count);
}

static void run_search(const calm_search_kernels *k) {
  begin("search");
  driver_searches(k);
  driver_release(current.count);
}

int main(int count, char **values) {
  uint64_t seed = count > 1 ? strtoull(values[1], NULL, 10) : (uint64_t)time(NULL);
  int rounds = count > 2 ? atoi(values[2]) : ROUNDS;
  printf("calm-driver: seed %llu, %d rounds\n", (unsigned long long)seed, rounds);
  run_pools(seed);
  for (int variant = 0; variant < calm_variants() && rounds > 0; variant++) {
    const char *missing = calm_variant_missing(variant);
    if (missing) {
      printf("%s: not run: %s\n", calm_variant_name(variant), missing);
      continue;
    }
    const calm_kernels *k = calm_variant_kernels(variant);
    current.variant = k->name;
    for (int round = 0; round < rounds; round++) {
      current.seed = seed + (uint64_t)round;
      run("linears", driver_linears, k);
      run("tables", driver_tables, k);
      run("vectors", driver_vectors, k);
      run("attention", driver_attentions, k);
      run_search(calm_variant_search_kernels(variant));
    }
    printf("%s: the same\n", calm_variant_name(variant));
    fflush(stdout);
  }
  return 0;
}
