package io.calm.serving.http;

import io.calm.serving.reply.ApiException;
import io.netty.buffer.ByteBuf;
import java.lang.ref.SoftReference;

/**
 * A received request body, retained until a worker reads it. Queued bodies therefore exist only
 * once, in the buffers that they arrived in. Thread safe.
 */
final class HeldBody {
  /** Maximum length of the array that a thread keeps for the next body. */
  private static final int MAX_KEPT = 16 << 20;

  private static final ThreadLocal<SoftReference<byte[]>> KEPT =
      ThreadLocal.withInitial(() -> new SoftReference<>(new byte[0]));

  private final ByteBuf content;
  private final int length;
  private boolean held = true;

  /** Reads a body's bytes, and keeps none of them. */
  interface Reader<T> {
    /**
     * Reads the start of an array.
     *
     * @param bytes the thread's own array, reused for the next body
     */
    T read(byte[] bytes, int length);
  }

  HeldBody(ByteBuf content) {
    this.content = content.retain();
    this.length = content.readableBytes();
  }

  int length() {
    return length;
  }

  /**
   * Copies the bytes, releases the buffer and reads the copy; may be called once.
   *
   * @throws ApiException if the body was dropped before
   */
  <T> T read(Reader<T> reader) {
    return reader.read(take(), length);
  }

  private synchronized byte[] take() {
    if (!held) {
      throw new ApiException(
          ApiException.Kind.NOT_READY, "the client hung up before its request was read");
    }
    try {
      byte[] bytes = array();
      content.getBytes(content.readerIndex(), bytes, 0, length);
      return bytes;
    } finally {
      drop();
    }
  }

  /** Returns a large enough array, reused per thread to avoid megabytes of garbage per body. */
  private byte[] array() {
    byte[] kept = KEPT.get().get();
    if (kept != null && kept.length >= length) {
      return kept;
    }
    byte[] bytes = new byte[length];
    if (length <= MAX_KEPT) {
      KEPT.set(new SoftReference<>(bytes));
    }
    return bytes;
  }

  /** Releases the buffer unless it has been released already. */
  synchronized void drop() {
    if (held) {
      held = false;
      content.release();
    }
  }
}
