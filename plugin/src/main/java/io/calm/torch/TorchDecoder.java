package io.calm.torch;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Decoder;
import io.calm.runtime.KvMemoryException;
import io.calm.runtime.KvType;
import io.calm.runtime.LogitRow;
import io.calm.runtime.RotaryTable;
import io.calm.runtime.StepCheck;
import io.calm.runtime.StepFailures;
import io.calm.runtime.UnreadableWeightsException;
import io.calm.runtime.WantedRows;
import io.calm.runtime.WeightCheck;
import io.calm.tensor.Lifetime;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The W4A8 decoder on DJL's PyTorch engine, on the first CUDA device or on the CPU. The program is
 * {@code decoder.py} in the resources; a step is one call of it.
 *
 * <p>Weights are copied to the device once and stay there as 4-bit codes with float16 grids; a
 * linear unpacks them when it runs. Keys and values are on the device, in amounts that double as
 * blocks are first used.
 *
 * <p>Results have the bits of the Java decoder, whatever the batch. The sums of a group are exact
 * integers. Sums of floats go through {@code embedding_bag}, whose kernels add the products of a
 * bag in order with fused multiply-adds; other fused steps are computed in float64 and rounded to
 * float32. The engine promises neither, so tests hold it to that. The one exception is an lm_head
 * of floats, whose logits differ in their last bits.
 */
public final class TorchDecoder implements Decoder {
  private static final TorchProgram.Source PROGRAM =
      new TorchProgram.Source(TorchDecoder.class, "decoder.py", "Decoder");
  private static final TorchProgram.User USER =
      new TorchProgram.User("calm.backend=pytorch", "set calm.backend=auto");

  private final ModelSpec spec;
  private final int blocks;
  private final StepCheck check;
  private final RotaryTable rotary;
  private final List<Integer> windows;
  private final CheckedPlaces places;
  private final TorchProgram program;
  private final NDManager cpu;
  private final Optional<ProductRoute> route;
  private final WantedRows logitRows;
  private int capacity;
  private boolean closed;

  /**
   * Copies the model to the device. The model's memory is not read afterwards.
   *
   * @param threads threads of one operation on the CPU; has no effect if the engine is loaded
   * @param blocks number of KV blocks
   * @throws EngineMissingException if the engine is not available
   * @throws IllegalArgumentException if a weight's shape or group does not fit the model's topology
   * @throws UnreadableWeightsException if the model's file has become unreadable
   * @throws KvMemoryException if the device has no memory for a block
   */
  public TorchDecoder(QuantizedModel model, KvType kvType, int threads, int blocks) {
    this(model, kvType, threads, blocks, Optional.empty());
  }

  /**
   * Creates a decoder that always takes the same route; tests pass one.
   *
   * @param route empty: the route of each pass is that of its rows
   */
  TorchDecoder(
      QuantizedModel model, KvType kvType, int threads, int blocks, Optional<ProductRoute> route) {
    if (blocks < 1) {
      throw new IllegalArgumentException(
          "keys and values: expected at least one block, got %d".formatted(blocks));
    }
    this.spec = model.spec();
    this.logitRows = new WantedRows(spec.vocabulary());
    this.blocks = blocks;
    this.route = route;
    Lifetime.Lease lease = model.lifetime().lease();
    try {
      WeightCheck.check(model);
      WeightCheck.checkTables(model);
      this.check = new StepCheck(spec, blocks);
      this.rotary = RotaryTable.of(spec.rope(), spec.headDim());
      this.windows = List.copyOf(new TreeSet<>(spec.windows()));
      this.places = new CheckedPlaces(model);
      this.program = TorchProgram.open(PROGRAM, threads, USER);
      this.cpu = program.manager().newSubManager(Device.cpu());
      try {
        upload(model, kvType);
        grow(1);
      } catch (RuntimeException | Error e) {
        program.close();
        throw e;
      }
    } finally {
      lease.close();
    }
  }

  private void upload(QuantizedModel model, KvType kvType) {
    try {
      TorchWeights.upload(program, model, kvType, windows);
    } catch (InternalError e) {
      throw new UnreadableWeightsException(
          model.lifetime().damage().orElse("a read of the model's weights failed"), e);
    }
    model
        .lifetime()
        .damage()
        .ifPresent(
            what -> {
              throw new UnreadableWeightsException(what);
            });
  }

  /** Returns the size of a KV block in bytes. */
  public static long blockBytes(ModelSpec spec, KvType kvType) {
    long head = kvType == KvType.INT8 ? spec.headDim() + Float.BYTES : 2L * spec.headDim();
    return 2L * spec.layers() * spec.kvHeads() * BLOCK_TOKENS * head;
  }

  /** Returns the name of the device, e.g. {@code cpu} or {@code gpu(0)}. */
  public String device() {
    return program.manager().getDevice().toString();
  }

  @Override
  public ModelSpec spec() {
    return spec;
  }

  @Override
  public int blocks() {
    return blocks;
  }

  @Override
  public synchronized List<List<Logits>> step(List<Chunk> chunks) {
    if (closed) {
      throw new IllegalStateException("the decoder is closed");
    }
    check.check(chunks);
    reserve(chunks);
    List<List<Optional<LogitRow>>> rows = logitRows.of(chunks);
    for (StepLayout pass : StepLayout.passes(chunks, rows, spec.heads())) {
      run(pass);
    }
    return WantedRows.results(rows);
  }

  private void run(StepLayout pass) {
    try (NDManager scope = program.manager().newSubManager();
        NDManager host = cpu.newSubManager()) {
      ProductRoute product = route.orElseGet(() -> ProductRoute.of(program.onCpu(), pass.rows()));
      NDList arguments =
          new NDList(
              scope.create(pass.numbers()),
              scope.create(pass.rotary(rotary)),
              host.create(pass.sizes(product.number(), windows)));
      NDList results = program.call("step", arguments, scope);
      byte[] fine = bytes(results.get(1));
      if (IntStream.range(0, fine.length).anyMatch(row -> fine[row] == 0)) {
        places
            .failure(results.get(2).toFloatArray(), pass.chunks(), pass.withLogits())
            .ifPresent(
                failure -> {
                  throw failure;
                });
      }
      read(results.get(0), pass);
    }
  }

  private static byte[] bytes(NDArray array) {
    byte[] bytes = new byte[Math.toIntExact(array.size())];
    array.toByteBuffer().get(bytes);
    return bytes;
  }

  private void read(NDArray logits, StepLayout pass) {
    List<LogitRow> wanted = pass.wanted();
    if (wanted.isEmpty()) {
      return;
    }
    FloatBuffer source =
        logits.toByteBuffer(program.onCpu()).order(ByteOrder.nativeOrder()).asFloatBuffer();
    List<Integer> chunks = pass.wantedChunks();
    Set<Integer> failed = new HashSet<>();
    for (int i = 0; i < wanted.size(); i++) {
      LogitRow row = wanted.get(i);
      source.get(i * spec.vocabulary(), row.values());
      if (!row.measure()) {
        failed.add(chunks.get(i));
      }
    }
    if (!failed.isEmpty()) {
      throw StepFailures.failure("logits", failed);
    }
  }

  /** Makes room for the blocks of a step; the amount doubles, so that copies of it are few. */
  private void reserve(List<Chunk> chunks) {
    int needed = 0;
    for (Chunk chunk : chunks) {
      needed = Math.max(needed, IntStream.of(chunk.blocks()).max().orElseThrow() + 1);
    }
    if (needed > capacity) {
      growFor(needed, Math.max(needed, (int) Math.min(blocks, 2L * capacity)));
    }
  }

  /** Makes room for {@code ample} blocks, or for those that are needed if memory is short. */
  private void growFor(int needed, int ample) {
    try {
      grow(ample);
    } catch (KvMemoryException e) {
      if (ample == needed) {
        throw e;
      }
      grow(needed);
    }
  }

  /** Makes room for {@code count} blocks; layers that have more keep it. */
  void grow(int count) {
    try (NDManager scope = program.manager().newSubManager();
        NDManager host = cpu.newSubManager()) {
      NDList arguments = new NDList(host.zeros(new Shape(count)), scope.zeros(new Shape(1)));
      program.call("reserve", arguments, scope);
      capacity = Math.max(capacity, count);
    } catch (EngineException e) {
      throw new KvMemoryException(
          "keys and values: expected memory on %s for %d blocks of %d tokens, got \"%s\"; lower calm.kv-budget-mb"
              .formatted(device(), count, BLOCK_TOKENS, EngineFailures.reason(e)),
          IntStream.range(capacity, blocks).boxed().collect(Collectors.toSet()),
          e);
    }
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    cpu.close();
    program.close();
    logitRows.clear();
  }
}
