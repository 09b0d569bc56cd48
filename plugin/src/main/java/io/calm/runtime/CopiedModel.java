package io.calm.runtime;

import io.calm.kernels.HugePages;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.Lifetime;
import io.calm.tensor.OffHeap;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Copies models to memory of their own, on huge pages if the system has them. The physical pages of
 * a mapped file depend on when it was written or read, and a model on scattered pages decodes up to
 * 10 % slower. Copies have the same layout, so a comparison of two plans measures only the plans.
 * The bytes of the files are not read any more: they may be truncated or deleted.
 */
public final class CopiedModel {
  /** Size of one piece of memory in bytes; a larger tensor gets a piece of its own. */
  private static final int SLAB = 64 << 20;

  private static final int ALIGNMENT = 64;

  private final List<Runnable> frees = new ArrayList<>();
  private final Runnable pause;
  private ByteBuffer room = ByteBuffer.allocate(0);

  private CopiedModel(Runnable pause) {
    this.pause = pause;
  }

  /**
   * Returns a copy of {@code model}, whose memory is freed at the end of its lifetime. The caller
   * closes the lifetime; decoders hold leases.
   *
   * @throws OutOfMemoryError if the system or the JVM refuses the memory
   */
  public static QuantizedModel of(QuantizedModel model) {
    return of(model, () -> {});
  }

  /**
   * Returns a copy of {@code model} as {@link #of(QuantizedModel)} does.
   *
   * @param pause called before each piece of at most 64 MiB; an exception that it throws ends the
   *     copy and frees it
   * @throws UnreadableWeightsException if the model's files were cut short meanwhile
   */
  @SuppressWarnings("try") // the lease is held, not used
  public static QuantizedModel of(QuantizedModel model, Runnable pause) {
    CopiedModel memory = new CopiedModel(pause);
    try (Lifetime.Lease lease = model.lifetime().lease()) {
      QuantizedModel copy = memory.copied(model);
      requireWhole(model.lifetime()); // the end of a page that was cut is read as zeros
      return copy;
    } catch (RuntimeException | Error e) {
      memory.free();
      throw e;
    }
  }

  private static void requireWhole(Lifetime files) {
    files
        .damage()
        .ifPresent(
            what -> {
              throw new UnreadableWeightsException(what);
            });
  }

  private QuantizedModel copied(QuantizedModel model) {
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    for (BlockParameters<QuantizedLinear> block : model.blocks()) {
      Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
      block.linears().forEach((role, linear) -> linears.put(role, copy(linear)));
      blocks.add(new BlockParameters<>(linears, block.biases(), block.norms()));
    }
    TokenTable embeddings = copy(model.embeddings());
    boolean tied = model.head() == model.embeddings();
    return new QuantizedModel(
        model.spec(),
        blocks,
        embeddings,
        tied ? embeddings : copy(model.head()),
        model.finalNorm(),
        model.activation(),
        new Lifetime(this::free));
  }

  private void free() {
    frees.forEach(Runnable::run);
    frees.clear();
  }

  private QuantizedLinear copy(QuantizedLinear linear) {
    return new QuantizedLinear(
        linear.outputs(),
        linear.inputs(),
        linear.group(),
        copy(linear.codes()),
        copy(linear.grids()));
  }

  private TokenTable copy(TokenTable table) {
    if (table instanceof TokenTable.Int8Table int8) {
      return new TokenTable.Int8Table(
          int8.tokens(), int8.width(), int8.group(), copy(int8.codes()), copy(int8.scales()));
    }
    if (table instanceof TokenTable.Int4 int4) {
      return new TokenTable.Int4(copy(int4.weight()));
    }
    if (table instanceof TokenTable.Float16Table half) {
      return new TokenTable.Float16Table(half.tokens(), half.width(), copy(half.values()));
    }
    TokenTable.Float32 single = (TokenTable.Float32) table;
    return new TokenTable.Float32(single.tokens(), single.width(), copy(single.values()));
  }

  private ByteBuffer allocate(int bytes) {
    Optional<HugePages> pages = HugePages.allocate(bytes);
    if (pages.isPresent()) {
      frees.add(pages.get()::close);
      return pages.get().bytes();
    }
    OffHeap plain = OffHeap.allocate(bytes); // no native library, or no more memory
    frees.add(plain::close);
    return plain.bytes();
  }

  private ByteBuffer copy(ByteBuffer source) {
    int bytes = source.remaining();
    if (room.remaining() < bytes) {
      room = allocate(Math.max(SLAB, bytes));
    }
    ByteBuffer target = room.slice(room.position(), bytes).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer rest = source.duplicate();
    while (rest.hasRemaining()) {
      pause.run();
      int piece = Math.min(SLAB, rest.remaining());
      target.put(rest.slice(rest.position(), piece));
      rest.position(rest.position() + piece);
    }
    int end = (room.position() + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    room.position(Math.min(end, room.limit()));
    return target.flip();
  }
}
