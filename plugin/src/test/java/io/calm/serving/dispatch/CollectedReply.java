package io.calm.serving.dispatch;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.JsonBody;
import io.calm.serving.reply.ReplySink;
import io.calm.serving.reply.Schema;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** All that one request was answered with; every piece must be whole characters. */
final class CollectedReply implements ReplySink {
  private final CountDownLatch ended = new CountDownLatch(1);
  private final ByteArrayOutputStream body = new ByteArrayOutputStream();
  private volatile int status = 200;
  private volatile Map<String, String> headers = Map.of();

  static CollectedReply of(TextService service, ServedModel model, Schema schema, JsonObject body) {
    CollectedReply reply = new CollectedReply();
    byte[] bytes = body.toString().getBytes(StandardCharsets.UTF_8);
    service.prepare(model, schema, JsonBody.parse(bytes), "").start(reply);
    reply.await();
    return reply;
  }

  /** Waits for the end of an answer, which must be good. */
  void await() {
    try {
      if (!ended.await(60, TimeUnit.SECONDS)) {
        throw new AssertionError("no end after a minute");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
    if (status != 200) {
      throw new AssertionError(text());
    }
  }

  Map<String, String> headers() {
    return headers;
  }

  private String text() {
    return body.toString(StandardCharsets.UTF_8);
  }

  JsonElement json() {
    return JsonParser.parseString(text());
  }

  /** Returns the objects of a stream of lines or events, without {@code [DONE]}. */
  List<JsonObject> pieces() {
    return text()
        .lines()
        .map(line -> line.startsWith("data: ") ? line.substring("data: ".length()) : line)
        .filter(line -> !line.isEmpty() && !line.equals("[DONE]"))
        .map(line -> JsonParser.parseString(line).getAsJsonObject())
        .toList();
  }

  @Override
  public void full(int code, String contentType, Map<String, String> headers, byte[] bytes) {
    status = code;
    this.headers = headers;
    write(bytes);
    end();
  }

  @Override
  public void begin(String contentType, Map<String, String> headers) {
    this.headers = headers;
  }

  @Override
  public void write(byte[] bytes) {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
    } catch (CharacterCodingException e) {
      throw new AssertionError("a piece that splits a character", e);
    }
    body.writeBytes(bytes);
  }

  @Override
  public void end() {
    ended.countDown();
  }
}
