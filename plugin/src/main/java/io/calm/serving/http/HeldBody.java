package io.calm.serving.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;

/**
 * A request's body as it was received, kept after its pipeline has released it, until a worker
 * takes it: so the bodies that wait lie in the pipeline's buffers alone. Thread safe.
 */
final class HeldBody {
  private final ByteBuf content;
  private final int length;
  private boolean held = true;

  HeldBody(ByteBuf content) {
    this.content = content.retain();
    this.length = content.readableBytes();
  }

  int length() {
    return length;
  }

  /** Copies the bytes and lets the buffer go; once. */
  synchronized byte[] take() {
    if (!held) {
      throw new IllegalStateException("the body was taken before");
    }
    try {
      return ByteBufUtil.getBytes(content);
    } finally {
      drop();
    }
  }

  /** Lets the buffer go, if that has not been done. */
  synchronized void drop() {
    if (held) {
      held = false;
      content.release();
    }
  }
}
