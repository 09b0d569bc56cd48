package io.calm.host;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A request of a host to itself, which the host closes after its answer. */
@SuppressWarnings("FutureReturnValueIgnored") // nothing depends on the request
final class OwnPing extends SimpleChannelInboundHandler<ByteBuf> {
  private static final Logger logger = LoggerFactory.getLogger(OwnPing.class);
  private static final String REQUEST =
      "GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  private static final int TIMEOUT_SECONDS = 10;

  private OwnPing() {}

  /** Sends the request on the given loops. */
  static void send(EventLoopGroup loops, InetSocketAddress bound) {
    InetSocketAddress target =
        bound.getAddress().isAnyLocalAddress()
            ? new InetSocketAddress(InetAddress.getLoopbackAddress(), bound.getPort())
            : bound;
    new Bootstrap()
        .group(loops)
        .channel(NioSocketChannel.class)
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, TIMEOUT_SECONDS * 1000)
        .option(ChannelOption.ALLOCATOR, UnpooledByteBufAllocator.DEFAULT)
        .handler(new OwnPing())
        .connect(target)
        .addListener(
            connected -> {
              if (!connected.isSuccess()) {
                logger.debug("no connection to {}", target, connected.cause());
              }
            });
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    context.pipeline().addFirst(new ReadTimeoutHandler(TIMEOUT_SECONDS));
    context
        .writeAndFlush(Unpooled.copiedBuffer(REQUEST, StandardCharsets.US_ASCII))
        .addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, ByteBuf answer) {
    // its content does not matter
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    logger.debug("the request to {} failed", context.channel().remoteAddress(), cause);
    context.close();
  }
}
