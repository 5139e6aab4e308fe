//! Enumerations whose members have names, as people write them in a recipe.

/// Declares an enumeration with a name per member: `NAMES`, `ALL`, `parse`, `name`, and serde by
/// name. `$what` is what an error calls it.
macro_rules! named {
    (
        $(#[$outer:meta])*
        pub enum $type:ident as $what:literal {
            $( $(#[$inner:meta])* $member:ident = $name:literal, )+
        }
    ) => {
        $(#[$outer])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            serde::Deserialize,
        )]
        pub enum $type {
            $( $(#[$inner])* #[serde(rename = $name)] $member, )+
        }

        impl $type {
            /// Every member, in order.
            pub const ALL: &'static [Self] = &[$( Self::$member, )+];

            /// Every member's name, in order.
            pub const NAMES: &'static [&'static str] = &[$( $name, )+];

            /// The member called `name`.
            ///
            /// # Errors
            /// [`Error::Argument`](crate::Error::Argument) that names the nearest.
            pub fn parse(name: &str) -> crate::Result<Self> {
                let found = Self::NAMES.iter().position(|known| *known == name);
                found
                    .map(|at| Self::ALL[at])
                    .ok_or_else(|| crate::Error::unknown_name($what, name, Self::NAMES))
            }

            /// The member's name.
            pub fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    use crate::style::Style;

    #[test]
    fn names_round_trip_and_the_nearest_is_named() {
        for &style in Style::ALL {
            assert_eq!(Style::parse(style.name()).expect("listed"), style);
            let json = serde_json::to_string(&style).expect("a name");
            assert_eq!(json, format!("{:?}", style.name()));
        }
        let error = Style::parse("cubewrld").expect_err("misspelt").to_string();
        assert!(
            error.contains("`cubewrld`") && error.contains("`cubeworld`"),
            "{error}"
        );
    }
}
