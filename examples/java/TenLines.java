// A guarded call in Java 22 or later, by its own foreign-function interface: stanchion.h as it is, no JNI, nothing to install but
// the library.
//
//     java --enable-native-access=ALL-UNNAMED examples/java/TenLines.java [libstanchion.so]

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.function.Supplier;

public final class TenLines {
    static final int OK = 0, ADMITTED = 1, SUCCESS = 1, FAILURE = 2, ABI_VERSION = 1;

    static final MemoryLayout ERROR = MemoryLayout.structLayout(
        JAVA_INT.withName("struct_size"), JAVA_INT.withName("status"), text("code", 32), text("field", 128),
        text("value", 328), text("allowed", 328), text("message", 1024));
    static final MemoryLayout DECISION = MemoryLayout.structLayout(
        JAVA_INT.withName("struct_size"), JAVA_INT.withName("verdict"),
        MemoryLayout.sequenceLayout(4, JAVA_INT).withName("permit"),
        JAVA_INT.withName("would_reject"), JAVA_INT.withName("by"), JAVA_INT.withName("gates"), JAVA_INT.withName("changed"),
        JAVA_LONG.withName("retry_after_us"), JAVA_LONG.withName("events"));
    static final MemoryLayout SETTLE_OPTIONS = MemoryLayout.structLayout(
        JAVA_INT.withName("struct_size"), JAVA_INT.withName("fields"), JAVA_INT.withName("outcome"),
        JAVA_INT.withName("actual_cost"), JAVA_LONG.withName("duration_us"));

    static MemoryLayout text(String name, long size) {
        return MemoryLayout.sequenceLayout(size, JAVA_BYTE).withName(name);
    }

    static PathElement at(String field) {
        return PathElement.groupElement(field);
    }

    /** The functions of stanchion.h that this example calls. */
    static final class Stanchion {
        final MethodHandle abiVersion, policyFromJson, policyFree, stateSize, stateInit, acquire, settle;

        Stanchion(Path library) throws Throwable {
            SymbolLookup found = SymbolLookup.libraryLookup(library, Arena.global());
            abiVersion = function(found, "stn_abi_version");
            policyFromJson = function(found, "stn_policy_from_json", ADDRESS, JAVA_LONG, ADDRESS, ADDRESS);
            policyFree = Linker.nativeLinker()
                .downcallHandle(found.find("stn_policy_free").orElseThrow(), FunctionDescriptor.ofVoid(ADDRESS));
            stateSize = function(found, "stn_state_size", ADDRESS, ADDRESS);
            stateInit = function(found, "stn_state_init", ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG);
            acquire = function(found, "stn_acquire", ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS);
            settle = function(found, "stn_settle", ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
            if ((int) abiVersion.invokeExact() != ABI_VERSION) {
                throw new IllegalStateException(library + " has another interface than this file");
            }
        }

        static MethodHandle function(SymbolLookup found, String name, MemoryLayout... arguments) {
            return Linker.nativeLinker()
                .downcallHandle(found.find(name).orElseThrow(), FunctionDescriptor.of(JAVA_INT, arguments));
        }
    }

    /** A policy and its state, for one thread. */
    static final class Gate implements AutoCloseable {
        final Arena arena = Arena.ofConfined();
        final Stanchion stanchion;
        final MemorySegment policy, state, decision = sized(DECISION), end = sized(SETTLE_OPTIONS);

        Gate(Stanchion stanchion, String rules) throws Throwable {
            this.stanchion = stanchion;
            MemorySegment why = sized(ERROR), out = arena.allocate(ADDRESS);
            byte[] json = rules.getBytes(StandardCharsets.UTF_8);
            MemorySegment text = arena.allocateFrom(JAVA_BYTE, json);
            if ((int) stanchion.policyFromJson.invokeExact(text, (long) json.length, out, why) != OK) {
                throw new IllegalArgumentException(why.getString(ERROR.byteOffset(at("message"))));
            }
            policy = out.get(ADDRESS, 0);
            MemorySegment size = arena.allocate(JAVA_LONG);
            must((int) stanchion.stateSize.invokeExact(policy, size));
            state = arena.allocate(size.get(JAVA_LONG, 0), 8);
            must((int) stanchion.stateInit.invokeExact(policy, state, state.byteSize(), nowUs()));
        }

        private MemorySegment sized(MemoryLayout layout) {
            MemorySegment struct = arena.allocate(layout);
            struct.set(JAVA_INT, 0, (int) layout.byteSize());
            return struct;
        }

        /** Calls it if it may go ahead; nothing where it may not: then {@link #retryAfterUs} says how long to wait. */
        <T> Optional<T> call(Supplier<T> function) throws Throwable {
            MemorySegment none = MemorySegment.NULL;
            must((int) stanchion.acquire.invokeExact(policy, state, state.byteSize(), none, nowUs(), decision));
            if (decision.get(JAVA_INT, DECISION.byteOffset(at("verdict"))) != ADMITTED) {
                return Optional.empty();
            }
            int outcome = FAILURE;
            try {
                T result = function.get();
                outcome = SUCCESS;
                return Optional.of(result);
            } finally {
                end.set(JAVA_INT, SETTLE_OPTIONS.byteOffset(at("outcome")), outcome);
                MemorySegment permit = decision.asSlice(DECISION.byteOffset(at("permit")), 16);
                must((int) stanchion.settle.invokeExact(policy, state, state.byteSize(), permit, end, nowUs(), none));
            }
        }

        long retryAfterUs() {
            return decision.get(JAVA_LONG, DECISION.byteOffset(at("retry_after_us")));
        }

        @Override
        public void close() throws Exception {
            try {
                stanchion.policyFree.invokeExact(policy);
            } catch (Throwable broken) {
                throw new IllegalStateException(broken);
            }
            arena.close();
        }

        static void must(int status) {
            if (status != OK) {
                throw new IllegalStateException("stanchion: status " + status);
            }
        }

        static long nowUs() {
            return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
        }
    }

    static final String RULES = """
        {"name": "billing", "circuit": {"consecutive_failures": 5}, "limits": [{"name": "calls", "capacity": 2,
         "refill_tokens": 60, "refill_interval_ms": 60000}], "bulkhead": {"max_concurrent": 10}}""";

    public static void main(String[] arguments) throws Throwable {
        Path library = Path.of(arguments.length > 0 ? arguments[0] : "libstanchion.so").toAbsolutePath();
        Stanchion stanchion = new Stanchion(library);
        try (Gate billing = new Gate(stanchion, RULES)) {
            for (int i = 0; i < 3; i++) {
                Optional<String> result = billing.call(() -> "called");
                System.out.println(result.orElseGet(
                    () -> "not now: try again in " + Math.round(billing.retryAfterUs() / 1e6) + " s"));
            }
        }
        try (Gate none = new Gate(stanchion, "{\"name\": \"billing\", \"bulkhead\": {\"max_concurrent\": 0}}")) {
            throw new AssertionError(none);
        } catch (IllegalArgumentException why) {
            System.out.println(why.getMessage());
        }
    }
}
