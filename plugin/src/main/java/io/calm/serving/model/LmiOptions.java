package io.calm.serving.model;

import java.util.Map;

/**
 * The form of streamed replies in DJL's schema, from the operator's {@code option.*} keys.
 *
 * @param sse server-sent events instead of JSON lines ({@code option.output_formatter=sse})
 * @param tgiCompat the shapes of Text Generation Inference ({@code option.tgi_compat}): server-sent
 *     events, arrays, {@code logprob}
 */
public record LmiOptions(boolean sse, boolean tgiCompat) {

  /** JSON lines in DJL's own shapes. */
  public static final LmiOptions DEFAULT = new LmiOptions(false, false);

  /** Reads the options from the properties of a model. */
  public static LmiOptions of(Map<String, String> properties) {
    return new LmiOptions(
        properties.getOrDefault("option.output_formatter", "").strip().equals("sse"),
        Boolean.parseBoolean(properties.getOrDefault("option.tgi_compat", "").strip()));
  }
}
