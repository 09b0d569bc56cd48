package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.testing.NettyLeaks;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The checks of a head alone: Netty's decoder rejects some of these requests before it. */
@ExtendWith(NettyLeaks.Check.class)
class HeadCheckTest {
  private static final int MAX = 100;

  private final EmbeddedChannel channel =
      new EmbeddedChannel(
          new HeadCheck(
              MAX,
              new ApiKey(Optional.empty()),
              new HostNames("127.0.0.1", List.of()),
              new Cors(List.of()),
              new ByteBudget(1 << 20)));

  @AfterEach
  void close() {
    channel.finishAndReleaseAll();
  }

  private static HttpRequest post(HttpVersion version) {
    HttpRequest request = new DefaultHttpRequest(version, HttpMethod.POST, "/predictions/m");
    request.headers().set(HttpHeaderNames.HOST, "localhost");
    return request;
  }

  private HttpRequest checked(HttpRequest request) {
    channel.writeInbound(request);
    return channel.readInbound();
  }

  private ApiException refusal(HttpRequest request) {
    return assertInstanceOf(ApiException.class, checked(request).decoderResult().cause());
  }

  @ParameterizedTest
  @CsvSource({
    "chunked, identity, '[chunked, identity]'",
    "identity, chunked, '[identity, chunked]'",
    "chunked, chunked, '[chunked, chunked]'",
  })
  void aSecondCodingIsRefused(String first, String second, String got) {
    HttpRequest request = post(HttpVersion.HTTP_1_1);
    request.headers().add(HttpHeaderNames.TRANSFER_ENCODING, List.of(first, second));
    assertEquals(
        "malformed HTTP request: Transfer-Encoding: expected chunked alone, got " + got,
        refusal(request).getMessage());
  }

  @Test
  void chunksNeedHttp11() {
    HttpRequest old = post(HttpVersion.HTTP_1_0);
    old.headers().set(HttpHeaderNames.TRANSFER_ENCODING, "chunked");
    assertEquals(
        "malformed HTTP request: expected no Transfer-Encoding in HTTP/1.0",
        refusal(old).getMessage());
    HttpRequest modern = post(HttpVersion.HTTP_1_1);
    modern.headers().set(HttpHeaderNames.TRANSFER_ENCODING, "Chunked");
    assertTrue(checked(modern).decoderResult().isSuccess());
  }

  @Test
  void aBodyMayHaveTheMaximumLength() {
    HttpRequest longest = post(HttpVersion.HTTP_1_1);
    longest.headers().set(HttpHeaderNames.CONTENT_LENGTH, MAX);
    assertTrue(checked(longest).decoderResult().isSuccess());
    HttpRequest longer = post(HttpVersion.HTTP_1_1);
    longer.headers().set(HttpHeaderNames.CONTENT_LENGTH, MAX + 1);
    assertEquals(413, refusal(longer).kind().status());
  }
}
