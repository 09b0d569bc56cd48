package io.calm.host;

import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.reply.ByteBudget;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.UnresolvedAddressException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * An HTTP/1.1 server for the plugin's routes that needs no DJL Serving installation. It accepts
 * requests as soon as it is started, even while models load. Thread safe.
 */
public final class EmbeddedHost implements AutoCloseable {
  private static final int LOOPS = 2;

  /** Memory for the JSON values of one body and for small bodies beside it. */
  private static final long VALUES_BYTES = 32L << 20;

  private final HostSettings settings;
  private final CalmHttpHandler handler;
  private final EventLoopGroup loops =
      new NioEventLoopGroup(LOOPS, new DefaultThreadFactory("calm-http", true));
  private final ChannelGroup connections =
      new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
  private final InFlight inFlight = new InFlight();
  private final ErrorLog errors = new ErrorLog();
  private final ByteBudget answers;
  private final ByteBufAllocator allocator;
  private final Channel listening;
  private volatile boolean stopping;

  private EmbeddedHost(HostSettings settings, CalmHttpHandler handler) throws IOException {
    this.settings = settings;
    this.handler = handler;
    long share = ByteBudget.share();
    handler.bodies().raise(4L * settings.maxBodyBytes() + VALUES_BYTES);
    this.answers = new ByteBudget(share);
    this.allocator = new BoundedAllocator(2 * share, LOOPS);
    this.listening = bind();
  }

  /**
   * Starts a host, which then accepts requests.
   *
   * @throws IOException if the address cannot be bound
   */
  public static EmbeddedHost start(HostSettings settings, CalmHttpHandler handler)
      throws IOException {
    return new EmbeddedHost(settings, handler);
  }

  /**
   * Returns the handler that sets up connections like those of a host, for a server that is not on
   * the network. Its errors are not logged, since no client gets them.
   */
  public static ChannelHandler connections(HostSettings settings, CalmHttpHandler handler) {
    return new HostPipeline(
        settings,
        handler,
        new ByteBudget(ByteBudget.share()),
        new InFlight(),
        new ErrorLog(System::nanoTime, line -> {}),
        () -> false,
        channel -> {});
  }

  /**
   * Sends one request for {@code /ping} over the network, so that the first client does not wait
   * for the code of sockets. Does not wait for the answer, and a failure has no effect.
   */
  public void rehearse() {
    OwnPing.send(loops, address());
  }

  private Channel bind() throws IOException {
    var bound =
        new ServerBootstrap()
            .group(loops)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, 1024)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .childOption(ChannelOption.ALLOCATOR, allocator)
            .childHandler(
                new HostPipeline(
                    settings, handler, answers, inFlight, errors, () -> stopping, connections::add))
            .bind(settings.host(), settings.port())
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
      throw new IOException(
          "cannot listen on %s:%d: %s; choose another host or port"
              .formatted(settings.host(), settings.port(), reason(bound.cause())),
          bound.cause());
    }
    return bound.channel();
  }

  private static String reason(Throwable failure) {
    if (failure instanceof UnresolvedAddressException) { // it has no message
      return "the host name cannot be resolved";
    }
    return Optional.ofNullable(failure.getMessage()).orElseGet(failure::toString);
  }

  /** Returns the bound address, with the actual port if port 0 was requested. */
  public InetSocketAddress address() {
    return (InetSocketAddress) listening.localAddress();
  }

  /**
   * Stops accepting connections. Open connections continue, and close with their next answer. Call
   * it before waiting for requests in flight and {@link #close}.
   */
  public void stopAccepting() {
    stopping = true;
    listening.close().awaitUninterruptibly();
  }

  /** Stops accepting connections, waits for requests in flight, and closes all connections. */
  @Override
  public void close() {
    stopAccepting();
    try {
      inFlight.awaitNone(settings.grace());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    connections.close().awaitUninterruptibly(2, TimeUnit.SECONDS);
    loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(3, TimeUnit.SECONDS);
  }
}
