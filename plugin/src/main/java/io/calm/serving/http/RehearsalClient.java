package io.calm.serving.http;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.serving.model.ServedModel;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A client that sends one request after another over a connection inside the JVM. */
final class RehearsalClient {
  /** Tokens of each answer: one from the prompt's step, and those of two further steps. */
  static final int ANSWER = 3;

  private static final Logger logger = LoggerFactory.getLogger(RehearsalClient.class);

  /** A request: its path, and its body. */
  record Request(String path, JsonObject body) {}

  private final Channel channel;
  private final Answers answers;

  RehearsalClient(Channel channel, Answers answers) {
    this.channel = channel;
    this.answers = answers;
  }

  /** Returns the requests of a round, whose prompts are not those of other rounds. */
  static List<Request> requests(ServedModel model, int round) {
    String prompt = "What is the capital of country " + round + "?";
    List<Request> requests = new ArrayList<>();
    for (boolean stream : new boolean[] {false, true}) {
      if (model.chatTemplate().isPresent()) {
        requests.add(new Request("/v1/chat/completions", chat(model, prompt, stream)));
      }
      requests.add(new Request("/v1/completions", completion(model, prompt, stream)));
      requests.add(new Request("/invocations", inputs(prompt, stream)));
    }
    return requests;
  }

  private static JsonObject chat(ServedModel model, String prompt, boolean stream) {
    JsonObject message = new JsonObject();
    message.addProperty("role", "user");
    message.addProperty("content", prompt);
    JsonArray messages = new JsonArray();
    messages.add(message);
    JsonObject body = openAi(model, stream);
    body.add("messages", messages);
    body.addProperty("temperature", 0.7);
    body.addProperty("top_p", 0.9);
    return body;
  }

  private static JsonObject completion(ServedModel model, String prompt, boolean stream) {
    JsonObject body = openAi(model, stream);
    body.addProperty("prompt", prompt);
    body.addProperty("temperature", 0);
    return body;
  }

  private static JsonObject openAi(ServedModel model, boolean stream) {
    JsonObject body = new JsonObject();
    body.addProperty("model", model.name());
    body.addProperty("max_tokens", ANSWER);
    body.addProperty("ignore_eos", true);
    body.addProperty("stream", stream);
    return body;
  }

  private static JsonObject inputs(String prompt, boolean stream) {
    JsonObject parameters = new JsonObject();
    parameters.addProperty("max_new_tokens", ANSWER);
    parameters.addProperty("do_sample", true);
    parameters.addProperty("ignore_eos_token", true);
    JsonObject body = new JsonObject();
    body.addProperty("inputs", prompt);
    body.add("parameters", parameters);
    body.addProperty("stream", stream);
    return body;
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @param deadline time of {@link System#nanoTime} at which the wait ends
   * @return whether it was answered; an error is an answer
   */
  @SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
  boolean send(Request request, long deadline) throws InterruptedException {
    if (deadline - System.nanoTime() <= 0) {
      return false;
    }
    byte[] json = request.body().toString().getBytes(StandardCharsets.UTF_8);
    channel.writeAndFlush(
        message(request.path(), Unpooled.wrappedBuffer(json)), channel.voidPromise());
    Integer status = answers.statuses.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
    if (status == null || status == Answers.CLOSED) {
      return false;
    }
    if (status != 200) {
      logger.debug("POST {} of the warm-up: status {}", request.path(), status);
    }
    return true;
  }

  private static FullHttpRequest message(String path, ByteBuf json) {
    FullHttpRequest message =
        new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, path, json);
    message
        .headers()
        .set(HttpHeaderNames.HOST, "127.0.0.1")
        .set(HttpHeaderNames.AUTHORIZATION, "Bearer " + HttpRehearsal.API_KEY)
        .set(HttpHeaderNames.ACCEPT, "*/*")
        .set(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.APPLICATION_JSON);
    HttpUtil.setContentLength(message, json.readableBytes());
    return message;
  }

  /** The receiver of the answers on one connection. */
  static final class Answers extends ChannelInitializer<Channel> {
    /** In place of a status: the server has closed the connection. */
    static final int CLOSED = 0;

    private final LinkedBlockingQueue<Integer> statuses = new LinkedBlockingQueue<>();

    @Override
    protected void initChannel(Channel opened) {
      opened
          .pipeline()
          .addLast(new HttpClientCodec())
          .addLast(
              new SimpleChannelInboundHandler<HttpObject>() {
                private int status;

                @Override
                protected void channelRead0(ChannelHandlerContext context, HttpObject part) {
                  if (part instanceof HttpResponse response) {
                    status = response.status().code();
                  }
                  if (part instanceof LastHttpContent) {
                    statuses.add(status);
                  }
                }

                @Override
                public void channelInactive(ChannelHandlerContext context) {
                  statuses.add(CLOSED);
                }
              });
    }
  }
}
