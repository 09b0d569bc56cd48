package io.calm.bench;

import io.calm.bench.BenchReport.Subject;
import io.calm.kernels.KernelVariant;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.runtime.DecoderSequences.Sequence;
import io.calm.runtime.KvType;
import io.calm.runtime.NativeDecoder;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Measures a whole decoder with random weights against the limits of the machine and a peer. */
public final class ModelBench {
  private static final int STEPS = 128;
  private static final int BATCH_STEPS = 32;
  private static final int PROMPT = 512;
  private static final int MAX_BATCH = 16;
  private static final List<Integer> BATCHES = List.of(8, MAX_BATCH);
  private static final int LONG_CONTEXT = 4096;
  private static final int LONG_STEPS = 16;
  private static final int FLOAT16_BYTES = 2;
  private static final double GIGA = 1e9;
  private static final String READ = "read-limit";
  private static final String PEAK = "int8-peak";

  private final ModelShape shape;
  private final KernelVariant variant;
  private final int threads;
  private final int rounds;
  private final Machine machine;
  private final BenchReport report;

  public ModelBench(
      ModelShape shape, KernelVariant variant, int threads, int rounds, BenchReport report) {
    this.shape = shape;
    this.variant = variant;
    this.threads = threads;
    this.rounds = rounds;
    this.machine = new Machine(NativeBench.of(variant, threads));
    this.report = report;
  }

  /** Runs all measures. Those of {@code peer} are taken in turns with ours. */
  public void run(Optional<PythonPeer> peer) throws IOException, InterruptedException {
    QuantizedModel int4 = RandomModel.of(shape.spec(), RandomModel.Head.INT4, 3);
    try (DecoderBench decoder = open(int4)) {
      measureSteps(decoder, RandomModel.bytesPerToken(int4), peer);
      measureOverhead(decoder, 1, STEPS);
      measureOverhead(decoder, MAX_BATCH, BATCH_STEPS);
      measureAttention(decoder);
    }
    QuantizedModel int8 = RandomModel.withInt8Head(int4, 4);
    try (DecoderBench decoder = open(int8)) {
      Rounds turns = new Rounds().add(READ, machine::readBandwidth);
      turns.add("decode", () -> decoder.decode(1, STEPS));
      peer.ifPresent(other -> turns.add("peer decode", () -> other.decode(STEPS)));
      String name = shape.name() + "/lm-head=int8";
      reportDecode(turns.run(rounds), name, RandomModel.bytesPerToken(int8), peer);
    }
  }

  private DecoderBench open(QuantizedModel model) {
    return new DecoderBench(
        new NativeDecoder(variant, model, KvType.FLOAT16, threads, DecoderBench.BLOCKS));
  }

  private void measureSteps(DecoderBench decoder, double bytes, Optional<PythonPeer> peer)
      throws IOException, InterruptedException {
    Rounds turns = new Rounds().add(READ, machine::readBandwidth);
    turns.add("decode", () -> decoder.decode(1, STEPS));
    peer.ifPresent(other -> turns.add("peer decode", () -> other.decode(STEPS)));
    for (int batch : BATCHES) {
      turns.add("batch" + batch, () -> decoder.decode(batch, BATCH_STEPS));
    }
    turns.add(PEAK, machine::integerPeak);
    turns.add("prefill", () -> decoder.prefill(PROMPT));
    peer.ifPresent(other -> turns.add("peer prefill", () -> other.prefill(PROMPT)));
    Rounds.Results results = turns.run(rounds);

    reportDecode(results, shape.name(), bytes, peer);
    Series prefill = results.get("prefill");
    if (results.get(PEAK).min() > 0) {
      Series products = prefill.times(RandomModel.productsPerToken(shape.spec()));
      report.add(tokens("prefill", shape.name(), PEAK), prefill, products.over(results.get(PEAK)));
    }
    peer.ifPresent(
        other ->
            report.add(
                tokens("prefill", shape.name(), other.name()),
                prefill,
                prefill.over(results.get("peer prefill"))));
    for (int batch : BATCHES) {
      Series values = results.get("batch" + batch);
      report.add(
          tokens("batch" + batch, shape.name(), "one-sequence"),
          values,
          values.over(results.get("decode")));
    }
  }

  private void reportDecode(
      Rounds.Results results, String name, double bytes, Optional<PythonPeer> peer) {
    Series decode = results.get("decode");
    report.add(tokens("decode", name, READ), decode, decode.times(bytes).over(results.get(READ)));
    peer.ifPresent(
        other ->
            report.add(
                tokens("decode", name, other.name()),
                decode,
                decode.over(results.get("peer decode"))));
  }

  private static Subject tokens(String name, String shape, String against) {
    return new Subject(name, shape, "tokens/s", against);
  }

  /**
   * Measures where the time of a step of {@code count} sequences goes, with the step's own timers:
   * the cost outside linears, attention and lm_head is the overhead.
   */
  private void measureOverhead(DecoderBench decoder, int count, int steps)
      throws IOException, InterruptedException {
    try (Split split = new Split(decoder, DecoderBench.CONTEXT, count)) {
      Rounds.Results results =
          new Rounds()
              .add("overhead", () -> split.take(steps).outsideKernels())
              .add("step", () -> split.last().stepSeconds())
              .add("rows", () -> split.last().rows())
              .add("linear", () -> split.last().linear())
              .add("attention", () -> split.last().attention())
              .add("head", () -> split.last().head())
              .run(rounds);
      Series overhead = results.get("overhead");
      String name = shape.name() + (count == 1 ? "" : "/sequences=" + count);
      report.add(new Subject("overhead", name, "%", "step"), overhead.times(100), overhead);
      report.note(
          "  of the thread time of a step of %d (%.2f ms): linears %.1f %%, lm_head %.1f %%,"
              + " attention %.1f %%, norms and other row work %.1f %%, waiting and the rest %.1f %%",
          count,
          1000 * results.get("step").median(),
          100 * results.get("linear").median(),
          100 * results.get("head").median(),
          100 * results.get("attention").median(),
          100 * results.get("rows").median(),
          100 * (overhead.median() - results.get("rows").median()));
    }
  }

  private void measureAttention(DecoderBench decoder) throws IOException, InterruptedException {
    ModelSpec spec = shape.spec();
    double bytes =
        2.0 * FLOAT16_BYTES * LONG_CONTEXT * spec.layers() * spec.kvHeads() * spec.headDim();
    try (Split split = new Split(decoder, LONG_CONTEXT, 1)) {
      Rounds.Results results =
          new Rounds()
              .add(READ, machine::readBandwidth)
              .add("attention", () -> bytes / split.take(LONG_STEPS).attentionSeconds())
              .run(rounds);
      Series rate = results.get("attention");
      report.add(
          new Subject("attention", shape.name() + "/4096", "GB/s", READ),
          rate.times(1 / GIGA),
          rate.over(results.get(READ)));
    }
  }

  /** The split of a decode's time after a given context, as fractions of all threads' time. */
  private final class Split implements AutoCloseable {
    private final DecoderBench decoder;
    private final int context;
    private final int count;
    private List<Sequence> sequences;
    private Parts last = new Parts(0, 0, 0, 0, 0);

    Split(DecoderBench decoder, int context, int count) {
      this.decoder = decoder;
      this.context = context;
      this.count = count;
      this.sequences = decoder.filled(count, context);
    }

    Parts take(int steps) {
      if (sequences.get(0).length() + steps > context + 4 * STEPS / count) {
        close();
        sequences = decoder.filled(count, context);
      }
      NativeDecoder.Times times = decoder.times(sequences, steps);
      double all = (double) threads * times.wall();
      last =
          new Parts(
              times.linear() / all,
              times.attention() / all,
              times.head() / all,
              times.rows() / all,
              times.wall() / GIGA / steps);
      return last;
    }

    Parts last() {
      return last;
    }

    @Override
    public void close() {
      sequences.forEach(Sequence::close);
    }
  }

  /**
   * @param stepSeconds of one step; the others are parts of it
   */
  private record Parts(
      double linear, double attention, double head, double rows, double stepSeconds) {
    double outsideKernels() {
      return 1 - linear - attention - head;
    }

    double attentionSeconds() {
      return attention * stepSeconds;
    }
  }
}
