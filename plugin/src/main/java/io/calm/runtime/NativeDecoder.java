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
 * The W4A8 decoder in C; a step is one native call. With the same KV storage type, its results are
 * bit-identical to those of {@link JavaDecoder} on every kernel variant.
 *
 * <p>Only one thread at a time runs steps. All decoders of the process share one pool of native
 * threads, so their steps run one after the other.
 */
public final class NativeDecoder extends QuantizedDecoder {
  /** Stages by their number in C. */
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
   * Times of the steps since {@link #startTimes}, in nanoseconds.
   *
   * @param linear thread time in linears
   * @param attention thread time in attention
   * @param head thread time in the lm_head
   * @param rows thread time in row-wise operations
   * @param wall wall-clock time
   */
  public record Times(long linear, long attention, long head, long rows, long wall) {
    private static final int FIELDS = 5;
  }

  /** Creates a decoder with no hint about step size. */
  public NativeDecoder(
      KernelVariant variant, QuantizedModel model, KvType kvType, int threads, int blocks) {
    this(variant, model, kvType, threads, blocks, StepSize.UNKNOWN);
  }

  /**
   * @param threads number of computing threads, including the caller's
   * @param blocks number of KV blocks; the memory of each is allocated at first use
   * @param largest size of the largest expected step, for which buffers are allocated at once;
   *     larger steps grow them
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
        new KvStorage(
            NativeModel.blockBytes(model.spec(), kvType), blocks, NativeKernels::address));
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

  /** Starts measuring times, which adds a small overhead to each step. */
  public void startTimes() {
    times.clear();
    for (int i = 0; i < Times.FIELDS; i++) {
      times.putLong(i * Long.BYTES, 0);
    }
    timesAddress = NativeKernels.address(times);
  }

  /** Stops measuring and returns the times. */
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
  void run(List<StepRow> rows) {
    buffers.fill(rows);
    int result =
        model.step(
            rows.size(),
            buffers.intsAddress(),
            buffers.kvBlocksAddress(),
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
