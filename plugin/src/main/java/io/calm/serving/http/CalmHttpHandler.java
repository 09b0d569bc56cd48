package io.calm.serving.http;

import com.google.gson.JsonObject;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.ModelChoice;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.ErrorBody;
import io.calm.serving.reply.Errors;
import io.calm.serving.reply.JsonBody;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.ReplySink;
import io.calm.serving.reply.Schema;
import io.calm.text.Printable;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers requests on any Netty pipeline: the embedded host's, or DJL Serving's, whose {@code
 * RequestHandler} receives the same arguments. The answer is written to the context; nothing blocks
 * the event loop. Thread safe.
 */
public final class CalmHttpHandler {
  private static final Logger logger = LoggerFactory.getLogger(CalmHttpHandler.class);

  /** Paths of OpenAI's client if its {@code base_url} lacks {@code /v1}. */
  private static final Set<String> WITHOUT_V1 = Set.of("/chat/completions", "/completions");

  private final ModelRegistry registry;
  private final TextService text;
  private final CalmMetrics metrics;
  private final Executor workers;
  private final Admission admission;
  private final Responses responses;
  private final Optional<ModelManagement> management;
  private final boolean page;

  /**
   * Creates a handler.
   *
   * @param workers executor that parses and tokenizes; {@link RejectedExecutionException} is
   *     answered with 429
   * @param management registers and unregisters models at run time
   */
  public CalmHttpHandler(
      ModelRegistry registry,
      TextService text,
      CalmMetrics metrics,
      Executor workers,
      ModelManagement management) {
    this(
        registry,
        text,
        metrics,
        workers,
        Admission.AT_ONCE,
        Responses.PLAIN,
        Optional.of(management),
        true);
  }

  /** Creates a handler for a server with its own queue, responses and model registration. */
  public CalmHttpHandler(
      ModelRegistry registry,
      TextService text,
      CalmMetrics metrics,
      Executor workers,
      Admission admission,
      Responses responses) {
    this(registry, text, metrics, workers, admission, responses, Optional.empty(), true);
  }

  private CalmHttpHandler(
      ModelRegistry registry,
      TextService text,
      CalmMetrics metrics,
      Executor workers,
      Admission admission,
      Responses responses,
      Optional<ModelManagement> management,
      boolean page) {
    this.registry = registry;
    this.text = text;
    this.metrics = metrics;
    this.workers = workers;
    this.admission = admission;
    this.responses = responses;
    this.management = management;
    this.page = page;
  }

  /**
   * Returns a handler that answers the page {@code GET /calm} with 404 if {@code shown} is false.
   */
  public CalmHttpHandler withPage(boolean shown) {
    return new CalmHttpHandler(
        registry, text, metrics, workers, admission, responses, management, shown);
  }

  private boolean offers(Route route) {
    return (management.isPresent() || !route.registers()) && (page || !route.isPage());
  }

  /** Counts a response of the stand-alone server by its status. */
  public void countResponse(int status) {
    metrics.responses().count(status);
  }

  /** Returns the budget of request bodies and of their parsed forms. */
  public ByteBudget bodies() {
    return text.bodies();
  }

  /**
   * The data that a worker needs of a request, which the pipeline may release meanwhile.
   *
   * @param arrived {@link System#nanoTime} at which the request arrived
   */
  private record Call(
      Route.Match match,
      Optional<String> model,
      String accept,
      HeldBody body,
      NettyReply sink,
      long arrived) {
    Schema schema() {
      return switch (match.route()) {
        case COMPLETIONS -> Schema.COMPLETIONS;
        case CHAT -> Schema.CHAT;
        default -> Schema.DJL;
      };
    }
  }

  /**
   * Answers a request; a path without a route gets 404.
   *
   * @param decoder decoder of the request's URI
   */
  public void handle(
      ChannelHandlerContext context, FullHttpRequest request, QueryStringDecoder decoder) {
    NettyReply sink = new NettyReply(context, request, responses);
    String path = path(decoder);
    ErrorBody errors = errors(path);
    try {
      if (request.method().equals(HttpMethod.OPTIONS)) {
        options(decoder.rawPath(), sink);
        return;
      }
      Optional<Route.Match> found =
          Route.of(request.method(), decoder.rawPath()).filter(match -> offers(match.route()));
      if (found.isEmpty()) {
        noRoute(request.method(), decoder.rawPath(), errors, sink);
        return;
      }
      route(found.get(), request, decoder, sink);
    } catch (RejectedExecutionException e) {
      Errors.send(
          new ApiException(
              ApiException.Kind.QUEUE_FULL, "too many requests at once; try again later"),
          errors,
          sink);
    } catch (ApiException e) {
      Errors.send(e, errors, sink);
    } catch (RuntimeException e) {
      logger.error("{} {} failed (request {})", request.method(), path, sink.requestId(), e);
      Errors.send(ApiException.bug(), errors, sink);
    }
  }

  private void route(
      Route.Match match, FullHttpRequest request, QueryStringDecoder decoder, NettyReply sink) {
    String accept = String.valueOf(request.headers().get(HttpHeaderNames.ACCEPT, ""));
    if (match.route().isPage()) {
      String known = String.valueOf(request.headers().get(HttpHeaderNames.IF_NONE_MATCH, ""));
      PageFiles.answer(decoder.rawPath(), known, sink);
      return;
    }
    if (match.route() == Route.CALM_REPORT) {
      workers.execute(
          () ->
              guarded(
                  match.route(),
                  ErrorBody.DJL,
                  sink,
                  () -> ReportPage.answer(registry, match, decoder, accept, sink)));
      return;
    }
    if (match.route().method().equals("GET") || match.route() == Route.PROBE_LATENCY) {
      StatusPages.answer(registry, metrics, admission, match, decoder, accept, sink);
      return;
    }
    if (match.route().registers()) {
      byte[] body = ByteBufUtil.getBytes(request.content());
      boolean json =
          HttpHeaderValues.APPLICATION_JSON.contentEqualsIgnoreCase(HttpUtil.getMimeType(request));
      workers.execute(() -> manage(match, decoder, json, body, sink));
    } else {
      Optional<String> model = modelOutside(match, request.headers(), decoder);
      HeldBody body = new HeldBody(request.content());
      sink.attach(body);
      try {
        Call call = new Call(match, model, accept, body, sink, System.nanoTime());
        workers.execute(new RequestWorkers.Sized(body.length(), () -> generate(call)));
      } catch (RuntimeException | Error e) {
        body.drop();
        throw e;
      }
    }
  }

  private void manage(
      Route.Match match, QueryStringDecoder query, boolean json, byte[] body, NettyReply sink) {
    ModelManagement models = management.orElseThrow();
    guarded(
        match.route(),
        ErrorBody.DJL,
        sink,
        () -> {
          switch (match.route()) {
            case REGISTER -> models.register(query, json, body, sink);
            case SCALE -> models.scale(match.model().orElseThrow(), query, sink);
            default -> models.unregister(match.model().orElseThrow(), sink);
          }
        });
  }

  /** Runs a task that answers a request, and answers with its exception if it throws. */
  private static void guarded(Route route, ErrorBody errors, NettyReply sink, Runnable answer) {
    try {
      answer.run();
    } catch (ApiException e) {
      Errors.send(e, errors, sink);
    } catch (RuntimeException | Error e) {
      logger.error("{} failed (request {})", route.path(), sink.requestId(), e);
      Errors.send(ApiException.bug(), errors, sink);
    }
  }

  /** Answers with an error, in the shape that the request's path requires. */
  public static void refuse(
      ChannelHandlerContext context, FullHttpRequest request, ApiException error) {
    String path = path(new QueryStringDecoder(request.uri()));
    Errors.send(error, errors(path), new NettyReply(context, request, Responses.PLAIN));
  }

  /** Returns the shape of errors that a path requires. */
  private static ErrorBody errors(String path) {
    return path.startsWith("/v1/") || WITHOUT_V1.contains(path) ? ErrorBody.OPENAI : ErrorBody.DJL;
  }

  private static String path(QueryStringDecoder decoder) {
    try {
      return decoder.path();
    } catch (IllegalArgumentException e) { // a bad %-escape
      return decoder.rawPath();
    }
  }

  /** Answers with a status and no body. */
  public static void noContent(ChannelHandlerContext context, FullHttpRequest request) {
    noContent(Map.of(), new NettyReply(context, request, Responses.PLAIN));
  }

  private static void noContent(Map<String, String> headers, ReplySink sink) {
    sink.full(HttpResponseStatus.NO_CONTENT.code(), "", headers, new byte[0]);
  }

  /** Answers with the methods of a path, or of the whole server for {@code *}. */
  private void options(String path, ReplySink sink) {
    Set<String> methods = path.equals("*") ? Route.methods() : methods(path);
    noContent(Map.of("Allow", String.join(", ", methods)), sink);
  }

  private Set<String> methods(String path) {
    Set<String> methods = new TreeSet<>();
    for (Route.Match match : Route.matching(path)) {
      if (offers(match.route())) {
        methods.add(match.route().method());
      }
    }
    if (methods.contains("GET")) {
      methods.add("HEAD");
    }
    if (methods.isEmpty()) {
      throw new ApiException(
          ApiException.Kind.UNKNOWN_PATH,
          "no such path: " + Printable.of(decoded(path)) + hint(path));
    }
    methods.add("OPTIONS");
    return methods;
  }

  /** Returns what to do about a path that a client or a browser asks for by mistake. */
  private String hint(String path) {
    if (WITHOUT_V1.contains(path)) {
      return "; OpenAI's API is at /v1: set base_url=http://HOST:PORT/v1";
    }
    if (path.equals("/v1/responses")) {
      return "; this server has /v1/chat/completions";
    }
    return path.equals("/") && page ? "; the web console is at /calm" : "";
  }

  private static String decoded(String path) {
    try {
      return QueryStringDecoder.decodeComponent(path.replace("+", "%2B"));
    } catch (IllegalArgumentException e) { // a bad %-escape
      return path;
    }
  }

  private void noRoute(HttpMethod method, String path, ErrorBody errors, ReplySink sink) {
    String allowed = String.join(", ", methods(path));
    Errors.send(
        new ApiException(
            ApiException.Kind.METHOD_NOT_ALLOWED,
            "%s: expected %s, got %s"
                .formatted(Printable.of(decoded(path)), allowed, Printable.of(method))),
        errors,
        Map.of("Allow", allowed),
        sink);
  }

  /** Returns the model named by the URL or the headers, read as DJL Serving reads them. */
  private static Optional<String> modelOutside(
      Route.Match match, HttpHeaders headers, QueryStringDecoder decoder) {
    return match
        .model()
        .or(() -> Query.first(decoder, "model_name"))
        .or(() -> Optional.ofNullable(headers.get("model_name")))
        .filter(name -> !name.isEmpty());
  }

  private void generate(Call call) {
    if (call.sink().isGone()) {
      call.body().drop();
      return;
    }
    guarded(
        call.match().route(),
        call.schema().errors(),
        call.sink(),
        () -> {
          PreparedReply reply = prepared(call);
          call.sink().slowReaderTimeout(reply.model().limits().slowReaderTimeout());
          call.sink().attach(admission.start(reply, call.sink()));
        });
  }

  /**
   * Parses and tokenizes a body. The charge for the parsed form is released when it is no longer
   * needed.
   */
  private PreparedReply prepared(Call call) {
    try (ByteBudget.Charge charge = text.bodies().charge()) {
      JsonObject body = call.body().read((bytes, length) -> JsonBody.parse(bytes, length, charge));
      String[] keys =
          call.schema() == Schema.DJL
              ? new String[] {"model_name", "model"}
              : new String[] {"model"};
      ServedModel model =
          ModelChoice.ready(registry, ModelChoice.name(registry, call.model(), body, keys));
      return text.prepare(model, call.schema(), body, call.accept(), call.arrived());
    }
  }
}
