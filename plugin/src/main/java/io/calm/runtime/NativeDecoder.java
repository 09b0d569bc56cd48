package io.calm.runtime;

import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeKernels;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * The W4A8 decoder in C: a step is one call. Its results have the bits of {@link JavaDecoder}'s
 * with the same storage of keys and values, on every variant.
 *
 * <p>Steps are made by one thread at a time, and steps of all decoders of the process take turns on
 * its one pool of threads.
 */
public final class NativeDecoder extends PagedDecoder {
  /** Index: the stage's number in C. */
  private static final List<Stage> STAGES =
      List.of(Stage.ATTENTION_IN, Stage.ATTENTION_OUT, Stage.MLP_IN, Stage.MLP_OUT);

  /** The result of a step that read a missing mapped page. */
  private static final int UNREADABLE = -2;

  private static final int PER_LAYER = 16;
  private static final int LINEAR_HEAD = 4;
  private static final int LOGITS = 5;

  private final ModelSpec spec;
  private final NativeModel model;
  private final StepBuffers buffers;
  private final ByteBuffer times =
      ByteBuffer.allocateDirect(Times.FIELDS * Long.BYTES).order(ByteOrder.nativeOrder());
  private long timesAddress;

  /**
   * Where the threads of the steps since {@link #startTimes} spent their time, in nanoseconds: the
   * first four summed over threads, the last as a clock on the wall shows it.
   */
  public record Times(long linear, long attention, long head, long rows, long wall) {
    private static final int FIELDS = 5;
  }

  /** Returns one of whose steps nothing is known. */
  public NativeDecoder(
      KernelVariant variant, QuantizedModel model, KvType kvType, int threads, int blocks) {
    this(variant, model, kvType, threads, blocks, StepSize.UNKNOWN);
  }

  /**
   * @param threads that compute, the caller's included
   * @param blocks of keys and values; memory is taken when one is first used
   * @param largest step for which there are buffers from the first on; larger ones take more
   * @throws IllegalArgumentException if a weight's shape or group does not fit the model's topology
   * @throws OutOfMemoryError if there is no memory for the buffers
   */
  public NativeDecoder(
      KernelVariant variant,
      QuantizedModel model,
      KvType kvType,
      int threads,
      int blocks,
      StepSize largest) {
    super(
        model,
        new KvStorage(NativeModel.pageBytes(model.spec(), kvType), blocks, NativeKernels::address));
    this.spec = model.spec();
    try {
      this.model = new NativeModel(variant, model, kvType, threads);
      freedBy(this.model::close);
      RotaryTable rotary = RotaryTable.of(spec.rope(), spec.headDim());
      this.buffers = new StepBuffers(rotary, spec.headDim(), spec.vocabulary());
      freedBy(buffers::close);
      int longest = Math.min(blocks, Decoder.blocksFor(spec.maxContext()));
      buffers.reserve(largest, (long) largest.chunks() * longest);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Begins to measure; measuring costs a little of what it measures. */
  public void startTimes() {
    times.clear();
    for (int i = 0; i < Times.FIELDS; i++) {
      times.putLong(i * Long.BYTES, 0);
    }
    timesAddress = NativeKernels.address(times);
  }

  /** Ends measuring. */
  public Times stopTimes() {
    timesAddress = 0;
    return new Times(
        times.getLong(0),
        times.getLong(8),
        times.getLong(16),
        times.getLong(24),
        times.getLong(32));
  }

  @Override
  void run(List<Row> rows) {
    buffers.fill(rows);
    int result =
        model.step(
            rows.size(),
            buffers.intsAddress(),
            buffers.pagesAddress(),
            buffers.rotaryAddress(),
            buffers.outputAddress(),
            buffers.weightsAddress(),
            buffers.failedAddress(),
            timesAddress);
    if (result == UNREADABLE) {
      throw new InternalError("a mapped page is no longer there");
    }
    if (result >= 0) {
      boolean[] finite = new boolean[rows.size()];
      for (int row = 0; row < finite.length; row++) {
        finite[row] = !buffers.failed(row);
      }
      StepFailures.check(finite, rows, () -> place(result));
    }
    buffers.readLogits(rows);
  }

  private static String place(int result) {
    int what = result % PER_LAYER;
    if (what == LINEAR_HEAD) {
      return "lm_head";
    }
    if (what == LOGITS) {
      return "logits";
    }
    int layer = result / PER_LAYER;
    return what < STAGES.size()
        ? "block %d, linear %s".formatted(layer, names(STAGES.get(what)))
        : "block %d, keys and values".formatted(layer);
  }

  private static String names(Stage stage) {
    return String.join(", ", stage.linears().stream().map(LinearRole::name).toList());
  }
}
