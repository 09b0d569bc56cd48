package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.runtime.Decoder;
import io.calm.testing.LogitRows;
import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
  private static final float[] ROW = {1, 3, 2, 3, -1};

  private static Decoder.Logits row() {
    return LogitRows.of(ROW.clone());
  }

  private static Sampler sampler(SamplingParameters.Builder builder) {
    return new Sampler(builder.build());
  }

  @Test
  void greedyTakesTheFirstOfTheLargest() {
    assertEquals(1, sampler(SamplingParameters.builder()).choose(row()));
  }

  @Test
  void oneCandidateIsGreedy() {
    for (long seed = 0; seed < 20; seed++) {
      var builder = SamplingParameters.builder().temperature(1).seed(seed);
      assertEquals(1, sampler(builder.topK(1)).choose(row()));
      assertEquals(1, sampler(builder.topK(0).topP(0)).choose(row()));
      assertEquals(1, sampler(builder.topK(2).topP(0)).choose(row()));
    }
  }

  /** An oracle that sorts everything and has its uniform numbers from the library. */
  @RepeatedTest(200)
  void agreesWithSortingEverything(RepetitionInfo repetition) {
    long seed = Seeds.of(repetition.getCurrentRepetition());
    SplittableRandom random = new SplittableRandom(seed);
    float[] logits = new float[List.of(1, 3, 7, 100, 1000).get(random.nextInt(5))];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (random.nextGaussian() * 3);
    }
    SamplingParameters parameters =
        SamplingParameters.builder()
            .temperature(0.1 + 2 * random.nextDouble())
            .topK(random.nextBoolean() ? 0 : 1 + random.nextInt(20))
            .topP(random.nextBoolean() ? 1 : random.nextDouble())
            .minP(random.nextBoolean() ? 0 : random.nextDouble() * 0.2)
            .seed(random.nextLong())
            .build();
    requireDraws(logits, parameters, seed);
  }

  private static void requireDraws(float[] logits, SamplingParameters parameters, long seed) {
    Sampler sampler = new Sampler(parameters);
    SplittableRandom uniform = new SplittableRandom(parameters.seed());
    for (int draw = 0; draw < 20; draw++) {
      assertEquals(
          naive(logits, parameters, uniform.nextDouble()),
          sampler.choose(LogitRows.of(logits)),
          "seed %d, draw %d, %s".formatted(seed, draw, parameters));
    }
  }

  /** The same oracle for a top_k that is not sorted; many logits are equal. */
  @RepeatedTest(60)
  void aLargeTopKAgreesWithSortingEverything(RepetitionInfo repetition) {
    long seed = Seeds.of(repetition.getCurrentRepetition());
    SplittableRandom random = new SplittableRandom(seed);
    float[] logits = new float[4000];
    float step = List.of(0.5f, 0.01f, 1e-6f).get(random.nextInt(3));
    for (int i = 0; i < logits.length; i++) {
      logits[i] = Math.round(random.nextGaussian() * 3 / step) * step;
    }
    SamplingParameters parameters =
        SamplingParameters.builder()
            .temperature(0.02 + 2 * random.nextDouble())
            .topK(Sampler.MAX_SORTED + 1 + random.nextInt(2900))
            .topP(random.nextBoolean() ? 1 : random.nextDouble())
            .minP(random.nextBoolean() ? 0 : random.nextDouble() * 0.2)
            .seed(random.nextLong())
            .build();
    requireDraws(logits, parameters, seed);
  }

  @RepeatedTest(50)
  void theValueOfARankIsThatOfTheSortedValues(RepetitionInfo repetition) {
    SplittableRandom random = new SplittableRandom(Seeds.of(repetition.getCurrentRepetition()));
    float[] values = new float[1 + random.nextInt(300)];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (random.nextInt(4)) {
            case 0 -> Float.NEGATIVE_INFINITY;
            case 1 -> random.nextInt(5) - 2;
            case 2 -> (float) random.nextGaussian() * 1e-40f;
            default -> (float) random.nextGaussian() * 10;
          };
    }
    float[] sorted = values.clone();
    Arrays.sort(sorted);
    for (int rank = 1; rank <= values.length; rank++) {
      assertEquals(sorted[values.length - rank], TopTokens.value(values, rank), "rank " + rank);
    }
  }

  /** What a seed gave when top_k had a nucleus of its own: an answer may not change. */
  @ParameterizedTest
  @CsvSource({
    "0, 1, 0, 252 136 196 115 238 213 281 242 97 68 97 264",
    "0, 0.9, 0, 158 277 181 209 143 191 188 85 204 136 204 110",
    "0, 0.95, 0.05, 231 40 7 151 32 138 213 216 146 257 146 67",
    "0, 1, 0.1, 221 98 123 209 85 12 193 148 25 136 25 173",
    "40, 1, 0, 93 136 204 73 30 267 98 151 131 68 131 35",
    "40, 0.9, 0, 209 15 262 252 267 204 93 267 10 247 10 151",
    "40, 1, 0.7, 141 131 136 189 199 78 204 20 68 5 68 83",
    "20, 0.95, 0.05, 136 189 73 247 15 194 78 15 126 184 126 257",
  })
  void aSeedGivesWhatItEverGave(int topK, double topP, double minP, String tokens) {
    float[] logits = new float[300];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = i * 7919 % 300 / 75f;
    }
    Sampler sampler =
        sampler(
            SamplingParameters.builder()
                .temperature(0.9)
                .topK(topK)
                .topP(topP)
                .minP(minP)
                .seed(2026));
    List<Integer> drawn = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      drawn.add(sampler.choose(LogitRows.of(logits)));
    }
    assertEquals(Arrays.stream(tokens.split(" ")).map(Integer::valueOf).toList(), drawn);
  }

  private static int naive(float[] logits, SamplingParameters p, double u) {
    boolean topK = p.topK() > 0 && p.topK() < logits.length;
    boolean filtered = topK || p.topP() < 1 || p.minP() > 0;
    List<Integer> order =
        IntStream.range(0, logits.length)
            .boxed()
            .sorted(
                filtered
                    ? Comparator.comparingDouble((Integer i) -> -logits[i])
                    : Comparator.naturalOrder())
            .limit(p.topK() > 0 ? p.topK() : logits.length)
            .toList();
    float max = max(logits);
    double[] weights =
        order.stream().mapToDouble(i -> Math.exp((logits[i] - max) / p.temperature())).toArray();
    double all = Arrays.stream(weights).sum();
    int kept = 0;
    double mass = 0;
    while (kept < weights.length && (kept == 0 || p.topP() >= 1 || mass < p.topP() * all)) {
      mass += weights[kept++];
    }
    while (p.minP() > 0 && kept > 1 && weights[kept - 1] < p.minP() * weights[0]) {
      kept--;
    }
    double target = u * Arrays.stream(weights, 0, kept).sum();
    int i = 0;
    for (double sum = weights[0]; i < kept - 1 && target >= sum; ) {
      sum += weights[++i];
    }
    return order.get(i);
  }

  private static float max(float[] values) {
    float max = values[0];
    for (float value : values) {
      max = Math.max(max, value);
    }
    return max;
  }

  @Test
  void frequenciesAreTheDistribution() {
    Sampler sampler = sampler(SamplingParameters.builder().temperature(1).seed(5));
    int[] counts = new int[ROW.length];
    int draws = 20_000;
    for (int i = 0; i < draws; i++) {
      counts[sampler.choose(row())]++;
    }
    LogProbabilities expected = new LogProbabilities(row());
    for (int i = 0; i < ROW.length; i++) {
      double p = Math.exp(expected.of(i).logprob());
      double sigma = Math.sqrt(draws * p * (1 - p));
      assertEquals(draws * p, counts[i], 5 * sigma, "token " + i);
    }
  }

  @Test
  void penaltiesAreTheirFormulas() {
    SamplingParameters parameters =
        SamplingParameters.builder()
            .repetitionPenalty(2)
            .frequencyPenalty(0.5)
            .presencePenalty(0.25)
            .build();
    TokenHistory history = new TokenHistory(parameters, new int[] {0, 4}, Set.of());
    history.add(1);
    history.add(1);
    float[] expected = {0.5f, 3 / 2f - 2 * 0.5f - 0.25f, 2, 3, -2};
    Decoder.Logits penalized = history.penalized(row());
    assertEquals(Arrays.toString(expected), Arrays.toString(penalized.values()));
    assertEquals(3, penalized.largest());
    history.restore(penalized);
    assertEquals(Arrays.toString(ROW), Arrays.toString(penalized.values()), "the row was changed");
  }

  @Test
  void biasesAreAddedBeforePenalties() {
    SamplingParameters parameters =
        SamplingParameters.builder()
            .logitBias(Map.of(0, 2.5f, 1, -100f, 4, 0.5f))
            .repetitionPenalty(2)
            .build();
    TokenHistory history = new TokenHistory(parameters, new int[] {0, 4}, Set.of());
    float[] expected = {3.5f / 2, -97, 2, 3, -0.5f * 2};
    Decoder.Logits penalized = history.penalized(row());
    assertEquals(Arrays.toString(expected), Arrays.toString(penalized.values()));
    history.restore(penalized);
    assertEquals(Arrays.toString(ROW), Arrays.toString(penalized.values()), "the row was changed");
  }

  @Test
  void aBiasOfOneHundredForcesOrBans() {
    for (long seed = 0; seed < 50; seed++) {
      SamplingParameters.Builder builder = SamplingParameters.builder().temperature(1).seed(seed);
      SamplingParameters force = builder.logitBias(Map.of(4, 100f)).build();
      SamplingParameters ban = builder.logitBias(Map.of(1, -100f, 3, -100f)).build();
      assertEquals(4, new Sampler(force).choose(none(force).penalized(row())));
      int chosen = new Sampler(ban).choose(none(ban).penalized(row()));
      assertTrue(chosen != 1 && chosen != 3, "seed " + seed);
    }
  }

  private static TokenHistory none(SamplingParameters parameters) {
    return new TokenHistory(parameters, new int[] {0}, Set.of());
  }

  @Test
  void endsMayNotComeBeforeTheLeastLength() {
    SamplingParameters parameters = SamplingParameters.builder().minNewTokens(2).build();
    TokenHistory history = new TokenHistory(parameters, new int[] {0}, Set.of(1, 3, 99));
    Sampler sampler = new Sampler(parameters);
    for (int i = 0; i < 2; i++) {
      assertEquals(2, sampler.choose(history.penalized(row())), "token " + i);
      history.add(2);
    }
    assertEquals(1, sampler.choose(history.penalized(row())));
    Decoder.Logits row = row();
    assertSame(row, history.penalized(row), "no change where none is asked for");
  }

  @Test
  void logProbabilitiesSumToOneAndComeBestFirst() {
    LogProbabilities probabilities = new LogProbabilities(row());
    List<TokenScore> top = probabilities.top(5);
    assertEquals(List.of(1, 3, 2, 0, 4), top.stream().map(TokenScore::id).toList());
    assertEquals(1, top.stream().mapToDouble(s -> Math.exp(s.logprob())).sum(), 1e-6);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void aRowWithoutADistributionIsAnError(float bad) {
    float[] row = {bad, bad};
    Sampler sampler = sampler(SamplingParameters.builder());
    ArithmeticException e =
        assertThrows(ArithmeticException.class, () -> sampler.choose(LogitRows.of(row)));
    assertTrue(e.getMessage().contains("expected finite numbers"));
  }

  @Test
  void rangesAreNamed() {
    assertMessage("temperature: expected 0 to 100, got -1", builder -> builder.temperature(-1));
    assertMessage("temperature: expected 0 to 100, got NaN", b -> b.temperature(Double.NaN));
    assertMessage("top_p: expected 0 to 1, got 1.5", builder -> builder.topP(1.5));
    assertMessage("min_p: expected 0 to 1, got -0.5", builder -> builder.minP(-0.5));
    assertMessage("top_k: expected 0 to 2147483647, got -3", builder -> builder.topK(-3));
    assertMessage("repetition_penalty: expected 0.01 to 100, got 0", b -> b.repetitionPenalty(0));
    assertMessage(
        "frequency_penalty: expected -2 to 2, got 3", builder -> builder.frequencyPenalty(3));
    assertMessage(
        "presence_penalty: expected -2 to 2, got -3", builder -> builder.presencePenalty(-3));
    assertMessage(
        "max_new_tokens: expected 0 to 2147483647, got -1", builder -> builder.maxNewTokens(-1));
    assertMessage("min_tokens: expected 0 to 5, got 6", b -> b.maxNewTokens(5).minNewTokens(6));
    assertMessage("logit_bias.7: expected -100 to 100, got 101", b -> b.logitBias(Map.of(7, 101f)));
    assertMessage("logprobs: expected 0 to 20, got 21", builder -> builder.topLogprobs(21));
    assertMessage("length of a stop string: expected 1 to 1024, got 0", b -> b.stops(List.of("")));
  }

  private static void assertMessage(
      String expected, UnaryOperator<SamplingParameters.Builder> set) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, set.apply(SamplingParameters.builder())::build);
    assertEquals(expected, e.getMessage());
  }
}
