package io.calm.search;

import io.calm.quant.InputStatistics;
import io.calm.quant.QuantizationException;
import io.calm.quant.RoundingProblem;
import io.calm.replay.HeadComparison;
import io.calm.replay.HiddenStates;
import io.calm.tensor.Int4TableBuilder;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import io.calm.tensor.TokenTables;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Chooses between an int4 and an int8 lm_head for the served W4A8 blocks.
 *
 * <p>The int4 table is rounded on the inputs that the head has on the fit part. Both heads are then
 * compared on the guard's part, which nothing was fitted on, by the KL divergence of the served
 * model's next-token distribution from that of the full-precision model. The divergence with the
 * int8 head is the cost of quantizing the blocks; int4 is chosen if it adds at most {@link #BOUND}
 * of this cost. The head is read in bands of rows, and only its codes are kept in memory.
 */
final class HeadTrial {
  /** The maximum cost of an int4 head, as a share of the cost of quantizing the blocks. */
  static final double BOUND = 0.1;

  /** Rows of the head in a band; whole tiles. */
  private static final int BAND = 8192;

  private final SearchContext context;
  private final HeadRule.Rounded rule;

  HeadTrial(SearchContext context, HeadRule.Rounded rule) {
    this.context = context;
    this.rule = rule;
  }

  /** The chosen format, and the table if the format is int4. */
  record Outcome(QuantPlan.Head head, Optional<TokenTable> table) {}

  /**
   * Judges.
   *
   * @param served the served blocks' stream after the last one, with the parts FIT and GUARD
   * @param full the full-precision stream, with the part GUARD
   */
  Outcome run(Streams served, Streams full) {
    int width = context.spec().hidden();
    int group = QuantizedLinear.groupFor(width, context.settings().groupLimit());
    try (HiddenStates fit = inputs(served.get(Streams.Part.FIT), group);
        HiddenStates guard = inputs(served.get(Streams.Part.GUARD), group);
        HiddenStates int8Guard =
            inputs(served.get(Streams.Part.GUARD), TokenTable.Int8Table.GROUP);
        HiddenStates reference = context.model().finalNorm(full.get(Streams.Part.GUARD));
        Matrix gram = gram(fit)) {
      HeadComparison comparison = new HeadComparison(reference, List.of(int8Guard, guard));
      Int4TableBuilder table = new Int4TableBuilder(context.spec().vocabulary(), width, group);
      HeadInput input = new HeadInput(gram, fit);
      for (int from = 0; from < context.spec().vocabulary(); from += BAND) {
        int to = Math.min(context.spec().vocabulary(), from + BAND);
        try (Matrix rows = context.weights().headRows(from, to)) {
          compare(band(rows, from, group, input), table, comparison);
        }
      }
      QuantPlan.Head head =
          warned(
              decide(comparison.klDivergence(0), comparison.klDivergence(1), rule.always()), fit);
      return new Outcome(
          head, head.format() == TableFormat.INT4 ? Optional.of(table.build()) : Optional.empty());
    } catch (QuantizationException e) {
      if (rule.always()) {
        throw new SearchException("calm.lm-head=int4: %s".formatted(e.getMessage()));
      }
      return new Outcome(
          QuantPlan.Head.given(TableFormat.INT8, "int4 cannot be made: " + e.getMessage()),
          Optional.empty());
    }
  }

  /** Adds the warning of too few tokens to the reason. */
  private QuantPlan.Head warned(QuantPlan.Head head, HiddenStates fit) {
    if (!rule.rounding().needsGram()) {
      return head;
    }
    return RoundingProblem.tooFewTokens(fit.rows(), fit.width())
        .map(few -> new QuantPlan.Head(head.format(), head.reason() + "; " + few, head.trial()))
        .orElse(head);
  }

  /** Returns X'X of the lm_head's inputs. */
  private static Matrix gram(HiddenStates inputs) {
    int width = inputs.width();
    if (!Matrix.fits(width, width)) {
      throw new QuantizationException(
          "X'X [%d, %d] of its inputs takes more than the 2^31 - 1 bytes of a direct buffer; set calm.lm-head=int8"
              .formatted(width, width));
    }
    return inputs.gram();
  }

  /** Returns the inputs of an lm_head with this group for the states of a stream. */
  private HiddenStates inputs(HiddenStates states, int group) {
    try (HiddenStates normalized = context.model().finalNorm(states)) {
      return context.model().rounded(normalized, context.settings().activation(), group);
    }
  }

  private RoundingProblem band(Matrix rows, int from, int group, InputStatistics input) {
    String name = "LM_HEAD from token " + from + " on";
    return new RoundingProblem(
        rows, group, input, row -> name, context.algebra(), context.compute());
  }

  private void compare(RoundingProblem band, Int4TableBuilder table, HeadComparison comparison) {
    QuantizedMatrix codes = rule.rounding().round(band);
    table.add(codes);
    try (Matrix int8 = int8(band.weight());
        Matrix int4 = codes.dequantize()) {
      comparison.add(band.weight(), List.of(int8, int4));
    }
  }

  /** Returns the values of an int8 table of these rows. */
  private static Matrix int8(Matrix rows) {
    int group = TokenTable.Int8Table.GROUP;
    TokenTable table =
        TokenTableBuilder.int8(rows.rows(), rows.columns(), group, ByteBuffer::allocateDirect)
            .add(rows)
            .build();
    Matrix values = Matrix.allocate(rows.rows(), rows.columns());
    float[] row = new float[rows.columns()];
    for (int token = 0; token < rows.rows(); token++) {
      TokenTables.readRow(table, token, row);
      values.writeRow(token, row);
    }
    return values;
  }

  /**
   * Decides by the KL divergence of each sequence. A format whose divergence is not finite loses.
   *
   * @param int8 divergences of the served blocks with the int8 head
   * @param int4 divergences with the int4 head
   * @param always whether int4 is taken at any cost
   */
  static QuantPlan.Head decide(double[] int8, double[] int4, boolean always) {
    double base = Paired.mean(int8);
    double cost = Paired.mean(int4) - base;
    double bound = BOUND * base;
    boolean within = cost <= bound;
    String reason =
        String.format(
            Locale.ROOT,
            "KL to full precision on held-out sequences: int8 %.5f, int4 %.5f nats per token; "
                + "difference %+.5f, %s %.5f (a tenth of what the blocks cost)%s",
            base,
            base + cost,
            cost,
            within ? "within" : "above",
            bound,
            always ? "; calm.lm-head=int4" : "");
    return new QuantPlan.Head(
        within || always ? TableFormat.INT4 : TableFormat.INT8,
        reason,
        Optional.of(
            new QuantPlan.HeadTrialResult(
                base, base + cost, Paired.standardError(int4, int8), bound)));
  }

  /** The statistics of the lm_head's input, which is rounded, and its Gram matrix. */
  private static final class HeadInput implements InputStatistics {
    private final Matrix product;
    private final HiddenStates input;
    private OptionalDouble correlations = OptionalDouble.empty();

    HeadInput(Matrix product, HiddenStates input) {
      this.product = product;
      this.input = input;
    }

    @Override
    public float[] meanSquare() {
      float[] mean = new float[product.columns()];
      for (int k = 0; k < mean.length; k++) {
        mean[k] = product.get(k, k) / rows();
      }
      return mean;
    }

    @Override
    public Matrix gram() {
      return product.copy();
    }

    @Override
    public int sequences() {
      return input.windows();
    }

    @Override
    public double squaredCorrelations(Matrix gram) {
      if (correlations.isEmpty()) { // of the first band; the others have the same inputs
        correlations = OptionalDouble.of(input.squaredCorrelations(gram));
      }
      return correlations.getAsDouble();
    }

    @Override
    public int rows() {
      return input.rows();
    }
  }
}
