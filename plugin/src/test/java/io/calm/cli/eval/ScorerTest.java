package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cli.eval.ScoredPrompt.Branch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Scores of toy models against values by hand and against a naive loop. */
class ScorerTest {
  private static final int VOCABULARY = 11;
  private static final int[] NO_PREFIX = {};

  private static ScoredPrompt window(int... tokens) {
    return new ScoredPrompt(
        NO_PREFIX,
        List.of(
            new Branch(
                Arrays.copyOf(tokens, tokens.length - 1),
                Arrays.copyOfRange(tokens, 1, tokens.length))));
  }

  private static List<List<List<BranchScore>>> score(
      List<LogitSource> models, OptionalInt reference, int rows, List<ScoredPrompt> prompts) {
    try (Scorer scorer = new Scorer(models, reference, 2, rows)) {
      return scorer.score(prompts, done -> {});
    }
  }

  @Test
  void twoTokensByHand() {
    ToyModel full = ToyModel.constant(0.75, 0.25);
    ToyModel other = ToyModel.constant(0.5, 0.5);
    List<List<List<BranchScore>>> scores =
        score(List.of(full, other), OptionalInt.of(0), 64, List.of(window(1, 0, 0, 1)));
    BranchScore reference = scores.get(0).get(0).get(0);
    assertEquals(3, reference.tokens(), "all but the first");
    assertEquals(-2 * Math.log(0.75) - Math.log(0.25), reference.nll(), 1e-6);
    assertEquals(2, reference.greedy(), "the two zeros");
    assertEquals(0, reference.kl());
    assertEquals(3, reference.agreements());
    BranchScore compared = scores.get(1).get(0).get(0);
    assertEquals(3 * Math.log(2), compared.nll(), 1e-6);
    // 0.75 log(0.75 / 0.5) + 0.25 log(0.25 / 0.5) = 0.130812 nats
    assertEquals(3 * 0.130812, compared.kl(), 3e-6);
    assertEquals(3, compared.agreements(), "of equal logits the first is the largest");
    assertEquals(2, compared.greedy());
  }

  @Test
  void disagreementIsCounted() {
    ToyModel full = ToyModel.constant(0.75, 0.25);
    ToyModel other = ToyModel.constant(0.25, 0.75);
    BranchScore compared =
        score(List.of(other, full), OptionalInt.of(1), 64, List.of(window(0, 1, 1)))
            .get(0)
            .get(0)
            .get(0);
    assertEquals(0, compared.agreements());
    assertEquals(2, compared.greedy());
    assertEquals(2 * 0.5 * Math.log(3), compared.kl(), 1e-6);
  }

  @Test
  void aModelDoesNotDivergeFromItself() {
    Random random = new Random(5);
    ToyModel.Logits logits = noise(random.nextInt());
    ToyModel full = new ToyModel(VOCABULARY, logits);
    ToyModel same = new ToyModel(VOCABULARY, logits);
    BranchScore score =
        score(List.of(same, full), OptionalInt.of(1), 5, List.of(window(random(random, 40))))
            .get(0)
            .get(0)
            .get(0);
    assertEquals(0.0, score.kl(), "exactly");
    assertEquals(39, score.agreements());
  }

  private static int[] random(Random random, int length) {
    return random.ints(length, 0, VOCABULARY).toArray();
  }

  /** Returns logits that depend on every token of the sequence. */
  private static ToyModel.Logits noise(int seed) {
    return tokens -> {
      Random random = new Random(31L * Arrays.hashCode(tokens) + seed);
      float[] logits = new float[VOCABULARY];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = (float) (4 * random.nextGaussian());
      }
      return logits;
    };
  }

  private static List<ScoredPrompt> prompts(Random random) {
    List<ScoredPrompt> prompts = new ArrayList<>();
    for (int p = 0; p < 25; p++) {
      int longest = p == 7 ? 200 : 9;
      int[] prefix = random(random, p % 3 == 0 ? 0 : random.nextInt(150));
      List<Branch> branches =
          IntStream.rangeClosed(0, random.nextInt(4))
              .mapToObj(
                  b -> {
                    int[] tokens = random(random, 2 + random.nextInt(longest));
                    return window(tokens).branches().get(0);
                  })
              .toList();
      prompts.add(new ScoredPrompt(prefix, branches));
    }
    return prompts;
  }

  /** Any division into steps and groups gives the same bits, and those of a naive loop. */
  @ParameterizedTest
  @CsvSource({"1, 64, 100000", "3, 64, 100000", "64, 8, 100000", "1000, 64, 100000", "64, 64, 1"})
  void scoresDoNotDependOnSteps(int rows, int blocks, long prepared) {
    List<ScoredPrompt> prompts = prompts(new Random(1));
    ToyModel full = new ToyModel(VOCABULARY, blocks, prepared, noise(1));
    ToyModel other = new ToyModel(VOCABULARY, blocks, Long.MAX_VALUE, noise(2));
    List<List<List<BranchScore>>> scores =
        score(List.of(full, other), OptionalInt.of(0), rows, prompts);
    for (int p = 0; p < prompts.size(); p++) {
      List<Branch> branches = prompts.get(p).branches();
      for (int b = 0; b < branches.size(); b++) {
        BranchScore got = scores.get(1).get(p).get(b);
        assertEquals(naive(prompts.get(p).prefix(), branches.get(b)), got);
      }
    }
    if (rows == 1000) {
      assertTrue(full.steps() < 25, "prompts share steps: " + full.steps());
    }
  }

  private static BranchScore naive(int[] prefix, Branch branch) {
    LogSoftmax own = new LogSoftmax(VOCABULARY);
    LogSoftmax others = new LogSoftmax(VOCABULARY);
    double nll = 0;
    double kl = 0;
    int greedy = 0;
    int agreements = 0;
    int[] sequence = prefix;
    for (int i = 0; i < branch.inputs().length; i++) {
      sequence = Arrays.copyOf(sequence, sequence.length + 1);
      sequence[sequence.length - 1] = branch.inputs()[i];
      float[] a = noise(1).after(sequence);
      float[] b = noise(2).after(sequence);
      own.measure(a);
      others.measure(b);
      nll += others.logSum() - b[branch.targets()[i]];
      kl += own.divergence(a, others, b);
      greedy += others.best() == branch.targets()[i] ? 1 : 0;
      agreements += others.best() == own.best() ? 1 : 0;
    }
    return new BranchScore(branch.inputs().length, nll, greedy, kl, agreements);
  }
}
