package io.calm.host;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import java.util.Optional;

/** Adds CORS headers to every response of a connection, including errors and streams. */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class CorsHeaders extends ChannelDuplexHandler {
  private final Cors cors;
  private Optional<String> origin = Optional.empty();
  private HttpHeaders preflight = EmptyHttpHeaders.INSTANCE;

  CorsHeaders(Cors cors) {
    this.cors = cors;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest request) {
      origin = Optional.ofNullable(request.headers().get(HttpHeaderNames.ORIGIN));
      preflight = Cors.isPreflight(request) ? request.headers() : EmptyHttpHeaders.INSTANCE;
    }
    context.fireChannelRead(message);
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (message instanceof HttpResponse response
        && response.status().codeClass() != HttpStatusClass.INFORMATIONAL) {
      cors.addTo(response.headers(), origin);
      if (!preflight.isEmpty() && origin.filter(cors::allows).isPresent()) {
        cors.addPreflight(response.headers(), preflight);
      }
    }
    context.write(message, promise);
  }
}
