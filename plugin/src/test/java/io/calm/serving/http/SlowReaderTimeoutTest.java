package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.NettyLeaks;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Clients that read their responses slowly, or not at all. */
@ExtendWith(NettyLeaks.Check.class)
class SlowReaderTimeoutTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final int PIECE = 1 << 10;
  private static final int MIN_PIECES = (int) SlowReaderTimeout.MIN_BYTES / PIECE;

  private final SlowReader reader = new SlowReader();
  private final EmbeddedChannel channel =
      new EmbeddedChannel(reader, new SlowReaderTimeout(TIMEOUT));

  @AfterEach
  void close() {
    channel.finishAndReleaseAll();
  }

  private static ByteBuf bytes(int size) {
    return Unpooled.buffer(size).writeZero(size);
  }

  private void write(int pieces) {
    for (int i = 0; i < pieces; i++) {
      ChannelFuture unused = channel.writeAndFlush(bytes(PIECE));
    }
  }

  private void pass(Duration time) {
    channel.advanceTimeBy(time.toMillis(), TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
  }

  @Test
  void aClientThatReadsNothingIsDisconnectedAfterTheTimeout() {
    write(1);
    pass(TIMEOUT.minusMillis(1));
    assertTrue(channel.isActive());
    pass(Duration.ofMillis(1));
    assertFalse(channel.isActive());
  }

  @Test
  void aClientThatReadsSteadilyIsNotDisconnectedHoweverMuchIsPending() {
    write(10 * MIN_PIECES);
    for (int i = 0; i < 8; i++) {
      reader.read(MIN_PIECES);
      pass(TIMEOUT);
      assertTrue(channel.isActive(), "timeout " + i);
    }
    reader.read(MIN_PIECES - 1);
    pass(TIMEOUT);
    assertFalse(channel.isActive());
  }

  @Test
  void theRestOfAResponseIsEnough() {
    write(2);
    reader.read(2);
    write(1); // begun later
    pass(TIMEOUT);
    assertTrue(channel.isActive());
    pass(TIMEOUT);
    assertFalse(channel.isActive());
  }

  @Test
  void theTimeoutOfTheModelGoesFirst() {
    channel.attr(SlowReaderTimeout.OF_MODEL).set(TIMEOUT.multipliedBy(2));
    write(1);
    pass(TIMEOUT);
    assertTrue(channel.isActive());
    pass(TIMEOUT);
    assertFalse(channel.isActive());
  }

  @Test
  void aClosedConnectionLeavesNoTimer() {
    write(1);
    reader.read(1);
    assertTrue(channel.runScheduledPendingTasks() > 0, "the timer runs");
    channel.pipeline().close().syncUninterruptibly(); // close() of the channel drops all tasks
    channel.runPendingTasks();
    assertFalse(channel.isOpen());
    assertEquals(-1, channel.runScheduledPendingTasks());
  }

  @Test
  void aConnectionOfAnotherServerGetsOneTimeout() {
    EmbeddedChannel other = new EmbeddedChannel(new ChannelInboundHandlerAdapter());
    SlowReaderTimeout.addTo(other.pipeline(), TIMEOUT);
    ChannelHandler added = other.pipeline().first();
    assertInstanceOf(SlowReaderTimeout.class, added);
    int handlers = other.pipeline().names().size();
    SlowReaderTimeout.addTo(other.pipeline(), TIMEOUT);
    assertSame(added, other.pipeline().first());
    assertEquals(handlers, other.pipeline().names().size());
    other.finishAndReleaseAll();
  }
}
