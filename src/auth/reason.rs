//! Why was a request refused? The closed list of reason codes, which operators, logs and clients see.

macro_rules! reasons {
    ($($variant:ident $code:literal $status:literal $meaning:literal,)+) => {
        /// A reason code. Codes are stable: alerts and clients rely on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)+
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code, as it stands in logs, metrics and problem documents.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The status it is answered with, unless the configuration or another service names one.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What it means, in words.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

reasons! {
    TokenMissing "token_missing" 401 "No token where the realm looks for one.",
    CredentialsAmbiguous "credentials_ambiguous" 400 "Several credentials that differ, or a repeated Authorization header.",
    TokenMalformed "token_malformed" 401 "The token is not in the compact form of RFC 7515 or RFC 7516.",
    TokenTooLarge "token_too_large" 401 "The token is larger than the listener's limit.",
    TokenKind "token_kind" 401 "The token is of another kind (signed, encrypted, nested) than the realm asks for.",
    AlgorithmRefused "algorithm_refused" 401 "Neither the realm nor the key allows the token's algorithm.",
    CriticalHeader "critical_header" 401 "The token names critical header parameters, none of which are understood.",
    KeyUnknown "key_unknown" 401 "No key fits the token's key id.",
    SignatureInvalid "signature_invalid" 401 "No key that fits verifies the signature.",
    DecryptionFailed "decryption_failed" 401 "No key that fits decrypts the token.",
    ClaimsMalformed "claims_malformed" 401 "The claims are not a JSON object, or a time in them is not a number.",
    TokenExpired "token_expired" 401 "The token has expired.",
    TokenNotYetValid "token_not_yet_valid" 401 "The token is not valid yet.",
    TokenTooOld "token_too_old" 401 "The token was issued longer ago than the realm allows.",
    IssuerMismatch "issuer_mismatch" 401 "The issuer is not one of the realm's.",
    AudienceMismatch "audience_mismatch" 401 "The audience names nobody of the realm's.",
    ClaimMissing "claim_missing" 401 "A claim that the realm requires is not there.",
    ClaimUnusable "claim_unusable" 401 "A claim cannot be put in an identity header.",
    TokenTypeMismatch "token_type_mismatch" 401 "The token's type is not one of the realm's.",
    TokenRevoked "token_revoked" 401 "The token was called back.",
    TokenUsed "token_used" 401 "The token admits once, and has.",
    RequirementFailed "requirement_failed" 403 "A requirement of the realm does not hold.",
    KeysUnavailable "keys_unavailable" 503 "The keys that the token would be judged by cannot be had.",
    IpRefused "ip_refused" 403 "The client's address is not let in.",
    OriginRefused "origin_refused" 403 "A page of another origin sent the request, with the client's cookie.",
    BasicMissing "basic_missing" 401 "No user name and password.",
    BasicInvalid "basic_invalid" 401 "The user name or the password is wrong.",
    ForwardAuthDenied "forward_auth_denied" 401 "The service that is asked who may enter refuses.",
    ForwardAuthUnavailable "forward_auth_unavailable" 503 "The service that is asked who may enter gave no answer that can be used.",
    StageDenied "stage_denied" 403 "A stage of the program that runs the gateway refuses.",
    CheckFailed "check_failed" 403 "A check of the location does not hold.",
    MethodRefused "method_refused" 405 "The location does not take this method.",
    UpgradeRefused "upgrade_refused" 403 "The location opens no WebSocket.",
    NoLocation "no_location" 404 "No location matches.",
    PathRefused "path_refused" 400 "The path can be read in more than one way.",
    HostInvalid "host_invalid" 400 "The Host header is missing, repeated or not a host.",
    HeadersTooLarge "headers_too_large" 431 "The request's headers are larger than the listener's limit.",
    BodyTooLarge "body_too_large" 413 "The request's body is larger than the listener's limit.",
    RequestTimeout "request_timeout" 408 "The client did not send its request in time.",
    RequestMalformed "request_malformed" 400 "The request's body is not in the form that its headers announce, or in a coding that cannot be passed on.",
    RateLimited "rate_limited" 429 "The caller asks more often than the location allows.",
    UpstreamUnavailable "upstream_unavailable" 502 "No server of the upstream could be reached.",
    UpstreamTimeout "upstream_timeout" 504 "The upstream did not answer in time.",
    InternalError "internal_error" 500 "The gateway failed; the error log says how.",
}
