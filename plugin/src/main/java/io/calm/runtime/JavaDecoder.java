package io.calm.runtime;

import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.tensor.ActivationQuantizer;
import io.calm.tensor.HeadKernel;
import io.calm.tensor.TokenTables;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The portable W4A8 decoder, entirely in Java. Its order of operations is fixed, so it is the
 * reference for the native kernels, which must produce bit-identical results.
 *
 * <p>All rows of a step pass through each linear together, at most {@value #MAX_ROWS} per pass,
 * which bounds the scratch memory. Weights are read in place, from the mapped file or its copy.
 * Keys and values are rounded to the precision of their storage type and stored as float32 outside
 * the heap.
 */
public final class JavaDecoder extends QuantizedDecoder {
  private static final int MAX_ROWS = 256;
  private static final int HEAD_ROWS = 32;

  private final QuantizedModel model;
  private final ModelSpec spec;
  private final List<BlockWeights> blocks;
  private final RotaryTable rotary;
  private final Workers workers;
  private final PassBuffers buffers;
  private final BlockForward forward;
  private final HeadKernel head;

  /**
   * @param threads number of computing threads, including the caller's; the others are daemons and
   *     run until {@link #close}
   * @param blocks number of KV blocks; the memory of each is allocated at first use
   * @throws IllegalArgumentException if a weight's shape or group does not fit the model's topology
   */
  public JavaDecoder(QuantizedModel model, KvType kvType, int threads, int blocks) {
    this(model, new FloatKvLayout(model.spec(), Optional.of(kvType)), threads, blocks);
  }

  private JavaDecoder(QuantizedModel model, FloatKvLayout layout, int threads, int blocks) {
    this(model, layout, threads, new KvStorage(layout.blockBytes(), blocks, memory -> 0));
  }

  /**
   * Returns a decoder that stores keys and values without rounding: the reference for comparing
   * storage types. Only the Java kernels support it.
   */
  public static JavaDecoder withoutKvRounding(QuantizedModel model, int threads, int blocks) {
    return new JavaDecoder(
        model, new FloatKvLayout(model.spec(), Optional.empty()), threads, blocks);
  }

  /** Creates a decoder with the given storage; tests pass one that fails. */
  JavaDecoder(QuantizedModel model, FloatKvLayout layout, int threads, KvStorage storage) {
    super(model, storage);
    this.model = model;
    this.spec = model.spec();
    try {
      this.blocks = BlockWeights.of(model);
      this.rotary = RotaryTable.of(spec.rope(), spec.headDim());
      ActivationQuantizer quantizer =
          model.activation() == ActivationMode.PER_TOKEN
              ? ActivationQuantizer.perToken()
              : ActivationQuantizer.perGroup();
      this.head = HeadKernel.of(model.head(), quantizer, HEAD_ROWS);
      this.workers = new Workers(threads, MAX_ROWS);
      freedBy(workers::close);
      this.buffers = new PassBuffers(model, MAX_ROWS);
      this.forward = new BlockForward(model, workers, buffers, quantizer, layout);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Returns the size of a KV block in bytes. */
  static long blockBytes(ModelSpec spec) {
    return new FloatKvLayout(spec, Optional.empty()).blockBytes();
  }

  @Override
  void run(List<StepRow> rows) {
    for (int from = 0; from < rows.size(); from += MAX_ROWS) {
      pass(rows.subList(from, Math.min(rows.size(), from + MAX_ROWS)));
    }
  }

  private void pass(List<StepRow> rows) {
    workers.forRows(rows.size(), row -> embed(row, rows.get(row)));
    for (int layer = 0; layer < blocks.size(); layer++) {
      forward.run(layer, blocks.get(layer), rows);
    }
    List<Integer> wanted = new ArrayList<>();
    for (int row = 0; row < rows.size(); row++) {
      if (rows.get(row).logits().isPresent()) {
        wanted.add(row);
      }
    }
    for (int from = 0; from < wanted.size(); from += HEAD_ROWS) {
      logits(rows, wanted.subList(from, Math.min(wanted.size(), from + HEAD_ROWS)));
    }
  }

  private void embed(int row, StepRow place) {
    float[] embedding = new float[spec.hidden()];
    TokenTables.readRow(model.embeddings(), place.token(), embedding);
    System.arraycopy(embedding, 0, buffers.residual, row * spec.hidden(), spec.hidden());
    rotary.fill(place.position(), buffers.cosines, buffers.sines, row * rotary.pairs());
  }

  private void logits(List<StepRow> rows, List<Integer> wanted) {
    List<StepRow> places = wanted.stream().map(rows::get).toList();
    LogitRow[] rowsOfLogits =
        places.stream().map(row -> row.logits().orElseThrow()).toArray(LogitRow[]::new);
    float[][] targets = Stream.of(rowsOfLogits).map(row -> row.values).toArray(float[][]::new);
    boolean[] finite = new boolean[targets.length];
    int width = spec.hidden();
    workers.forRows(
        targets.length,
        i -> {
          int at = wanted.get(i) * width;
          RmsNorm.apply(
              buffers.residual, at, buffers.input, i * width, model.finalNorm(), spec.rmsEpsilon());
          finite[i] = head.read(buffers.input, i * width, i);
        });
    StepFailures.check(finite, places, () -> "lm_head");
    Workers.TileTask task = (from, to, scratch) -> head.multiply(from, to, targets, scratch);
    workers.forTiles(workers.tileRanges(new int[] {head.tiles()}, List.of(task)));
    workers.forRows(targets.length, i -> finite[i] = rowsOfLogits[i].measure());
    StepFailures.check(finite, places, () -> "logits");
  }
}
