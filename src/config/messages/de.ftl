### Eingebaute Texte. Jedes Thema in zwei Stufen: Auf der Registrierungsseite
### gibt es noch nichts; nach der Anmeldung besteht das Konto, und nur der
### Kunde fehlt.

# Wo die Seite nicht bekannt ist. Im Dativ, deshalb steht { $site } überall
# hinter „bei“.
this_site = dieser Seite

customer_not_found =
    .sign_up = Zu dieser E-Mail-Adresse haben wir bei { $site } kein Kundenkonto gefunden. Bitte registrieren Sie sich mit der Adresse, die bei { $site } hinterlegt ist, oder lassen Sie diese Adresse dort eintragen. Referenz: { $reference }
    .signed_in = Ihre Registrierung war erfolgreich, aber zu Ihrer E-Mail-Adresse haben wir bei { $site } kein Kundenkonto gefunden. Bitte lassen Sie die Adresse bei { $site } hinterlegen und melden Sie sich danach noch einmal an. Referenz: { $reference }

multiple_customers =
    .sign_up = Diese E-Mail-Adresse gehört bei { $site } zu mehreren Kundenkonten, deshalb wissen wir nicht, welches Ihres ist. Bitte melden Sie sich bei { $site } und nennen Sie diese Referenz: { $reference }
    .signed_in = Ihre Registrierung war erfolgreich, aber Ihre E-Mail-Adresse gehört bei { $site } zu mehreren Kundenkonten, deshalb wissen wir nicht, welches Ihres ist. Bitte melden Sie sich bei { $site } und nennen Sie diese Referenz: { $reference }

unverified_address =
    .sign_up = Wir konnten nicht bestätigen, dass diese E-Mail-Adresse Ihnen gehört. Bitte registrieren Sie sich stattdessen mit E-Mail-Adresse und Kennwort, damit wir Ihnen einen Code senden können. Referenz: { $reference }
    .signed_in = Ihre Registrierung war erfolgreich, aber wir konnten nicht bestätigen, dass die E-Mail-Adresse Ihnen gehört. Deshalb ist sie mit keinem Kundenkonto bei { $site } verbunden. Bitte melden Sie sich bei { $site } und nennen Sie diese Referenz: { $reference }

already_linked =
    .sign_up = Für das Kundenkonto bei { $site } mit dieser E-Mail-Adresse gibt es bereits eine Anmeldung. Bitte melden Sie sich damit an, oder fragen Sie bei { $site } nach, wenn es nicht Ihre ist. Referenz: { $reference }
    .signed_in = Ihre Registrierung war erfolgreich, aber für das Kundenkonto bei { $site } mit Ihrer E-Mail-Adresse gibt es bereits eine andere Anmeldung. Bitte verwenden Sie diese, oder fragen Sie bei { $site } nach, wenn es nicht Ihre ist. Referenz: { $reference }

try_again_later =
    .sign_up = Ihre Registrierung kann gerade nicht abgeschlossen werden. Ihre Angaben sind in Ordnung. Bitte versuchen Sie es in einer Minute noch einmal. Referenz: { $reference }
    .signed_in = Ihre Registrierung war erfolgreich, aber wir können Ihr Kundenkonto bei { $site } gerade nicht abrufen. Bitte melden Sie sich in einigen Minuten noch einmal an. Referenz: { $reference }

records_behind =
    .sign_up = Ihre Registrierung bei { $site } kann noch nicht abgeschlossen werden, weil unsere Kundendaten gerade aktualisiert werden. Ihre Angaben sind in Ordnung. Bitte versuchen Sie es später noch einmal. Referenz: { $reference }
    .signed_in = Ihre Registrierung war erfolgreich, aber die Kundendaten bei { $site } werden gerade aktualisiert, deshalb können wir sie noch nicht verbinden. Bitte melden Sie sich später noch einmal an. Referenz: { $reference }

not_found_yet =
    .sign_up = Zu dieser E-Mail-Adresse haben wir bei { $site } kein Kundenkonto gefunden, unsere Kundendaten sind zurzeit aber nicht auf dem neuesten Stand. Bitte versuchen Sie es später noch einmal, oder fragen Sie bei { $site } nach und nennen Sie diese Referenz: { $reference }
    .signed_in = Ihre Registrierung war erfolgreich, aber zu Ihrer E-Mail-Adresse haben wir bei { $site } noch kein Kundenkonto gefunden: Unsere Kundendaten sind zurzeit nicht auf dem neuesten Stand. Bitte melden Sie sich später noch einmal an, oder fragen Sie bei { $site } nach und nennen Sie diese Referenz: { $reference }

not_possible =
    .sign_up = Mit diesen Angaben können wir Sie bei { $site } nicht registrieren. Bitte melden Sie sich bei { $site } und nennen Sie diese Referenz: { $reference }
    .signed_in = Ihre Registrierung war erfolgreich, aber wir konnten sie mit keinem Kundenkonto bei { $site } verbinden. Bitte melden Sie sich bei { $site } und nennen Sie diese Referenz: { $reference }
