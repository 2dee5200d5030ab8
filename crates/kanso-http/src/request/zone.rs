//! The time zone in which the client counts days.

use http::{HeaderMap, HeaderName};
use kanso_domain::{FieldError, Zone};

use crate::problem::{ApiError, Code};

const X_TIMEZONE: HeaderName = HeaderName::from_static("x-timezone");

/// Returns the zone in the header `X-Timezone` or the parameter `tz`; `None` if neither is sent.
///
/// If both are sent, they must name the same zone.
pub(crate) fn requested_zone(
    headers: &HeaderMap,
    parameter: Option<&str>,
) -> Result<Option<Zone>, ApiError> {
    let mut values = headers.get_all(X_TIMEZONE).iter();
    let header = match (values.next(), values.next()) {
        (None, _) => None,
        // A header that is not ASCII becomes an empty name, which is not a zone.
        (Some(name), None) => Some(zone("X-Timezone", name.to_str().unwrap_or_default())?),
        (Some(_), Some(_)) => return Err(parameter_error("X-Timezone", "must be given once")),
    };
    let parameter = parameter.map(|name| zone("tz", name)).transpose()?;
    match (header, parameter) {
        (Some(header), Some(parameter)) if header != parameter => {
            let reason = "must name the same zone as the header X-Timezone";
            Err(parameter_error("tz", reason))
        }
        (header, parameter) => Ok(parameter.or(header)),
    }
}

fn zone(field: &'static str, name: &str) -> Result<Zone, ApiError> {
    name.parse()
        .map_err(|error: kanso_domain::time::UnknownZone| {
            parameter_error(field, &error.to_string())
        })
}

fn parameter_error(field: &'static str, reason: &str) -> ApiError {
    ApiError::members(Code::InvalidParameter, &[FieldError::new(field, reason)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(headers: &[&str], parameter: Option<&str>) -> Result<Option<String>, ()> {
        let mut map = HeaderMap::new();
        for name in headers {
            map.append(X_TIMEZONE, name.parse().expect("a header"));
        }
        let zone = requested_zone(&map, parameter).map_err(|_| ())?;
        Ok(zone.map(|zone| zone.to_string()))
    }

    #[test]
    fn header_and_parameter_must_agree() {
        let rome = || Ok(Some("Europe/Rome".to_owned()));
        assert_eq!(requested(&[], None), Ok(None));
        assert_eq!(requested(&["Europe/Rome"], None), rome());
        assert_eq!(requested(&[], Some("Europe/Rome")), rome());
        assert_eq!(requested(&["europe/rome"], Some("Europe/Rome")), rome());
        for (headers, parameter) in [
            (&["Europe/Rome"][..], Some("Europe/London")),
            (&["Europe/Rome", "Europe/Rome"], None),
            (&["Europe/Atlantis"], None),
            (&["+02:00"], None),
            (&["caf\u{e9}"], None),
            (&[], Some("")),
        ] {
            assert_eq!(requested(headers, parameter), Err(()), "{headers:?}");
        }
    }
}
